package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// onThread runs f on an OS thread that enter has put into another namespace,
// and that leave brings back. A thread that cannot be brought back ends with
// the goroutine that is locked to it: nothing else ever runs on it.
func onThread(enter, leave, f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errors.New("the function ended its goroutine")
		defer func() { result <- err }()
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err = onThread(enter, leave, f) // on another one, while this one is locked
			runtime.UnlockOSThread()
			return
		}
		if err = enter(); err != nil {
			runtime.UnlockOSThread()
			return
		}
		defer func() {
			if lost := leave(); lost != nil {
				err = errors.Join(err, lost)
				return
			}
			runtime.UnlockOSThread()
		}()
		err = errors.New("the function ended its goroutine")
		err = f()
	}()
	return <-result
}

// inNamespace runs f on a thread in the namespace.
func inNamespace(namespace *os.File, f func() error) error {
	var origin *os.File
	return onThread(
		func() (err error) {
			if origin, err = currentNamespace(); err != nil {
				return err
			}
			if err = setNamespace(namespace); err != nil {
				origin.Close()
			}
			return err
		},
		func() error {
			defer origin.Close()
			return setNamespace(origin)
		},
		f)
}

// currentNamespace opens the calling thread's network namespace.
func currentNamespace() (*os.File, error) {
	const path = "/proc/thread-self/ns/net"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// setNamespace moves the calling thread, which must be locked. A namespace
// that is being closed stays open until this is done.
func setNamespace(namespace *os.File) error {
	conn, err := namespace.SyscallConn()
	if err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	var result error
	if err := conn.Control(func(fd uintptr) {
		result = unix.Setns(int(fd), unix.CLONE_NEWNET)
	}); err != nil {
		result = err
	}
	if result != nil {
		return fmt.Errorf("enter network namespace: %w", result)
	}
	return nil
}
