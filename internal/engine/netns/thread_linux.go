package netns

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// onThread runs f on an OS thread that f may move to other network namespaces,
// and brings it back to its own afterwards. A thread that cannot be brought
// back ends with the goroutine that is locked to it: nothing else ever runs on
// it.
func onThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errors.New("the function ended its goroutine")
		defer func() { result <- err }()
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The process's first thread cannot end: take another one, while
			// this one is locked.
			err = onThread(f)
			runtime.UnlockOSThread()
			return
		}
		home, openErr := currentNamespace()
		if openErr != nil {
			err = openErr
			runtime.UnlockOSThread()
			return
		}
		defer func() {
			defer home.Close()
			if lost := setNamespace(home); lost != nil {
				err = errors.Join(err, lost)
				return
			}
			runtime.UnlockOSThread()
		}()
		err = f()
	}()
	return <-result
}

// currentNamespace opens the calling thread's network namespace.
func currentNamespace() (*os.File, error) { return os.Open("/proc/thread-self/ns/net") }

// setNamespace moves the calling thread, which must be locked. A namespace
// that is being closed stays open until this is done.
func setNamespace(file *os.File) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var moved error
	if conn.Control(func(fd uintptr) { moved = unix.Setns(int(fd), unix.CLONE_NEWNET) }) != nil {
		return errClosed // its descriptor is
	}
	return os.NewSyscallError("enter network namespace", moved)
}
