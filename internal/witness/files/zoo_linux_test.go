package files

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// beZoo opens one file of every kind, in the folder named, and stays. What only
// root may open is missing for others.
func beZoo(arguments []string) error {
	if err := os.Chdir(arguments[0]); err != nil {
		return err
	}
	z := zoo{}
	z.files()
	z.specials()
	z.anonymous()
	z.locals()
	z.internet()
	z.states()
	if z.err != nil {
		return z.err
	}
	return stay()
}

// A zoo keeps the first error of those that opening files made.
type zoo struct{ err error }

// keep notes an error and lets the descriptor stay open. Permission is root's:
// others do without the file, and without what was to be done with it.
func (z *zoo) keep(fd int, err error) int {
	forbidden := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EBADF)
	if err != nil && z.err == nil && (!forbidden || os.Geteuid() == 0) {
		_, _, line, _ := runtime.Caller(1)
		z.err = fmt.Errorf("line %d: %w", line, err)
	}
	return fd
}

func (z *zoo) check(err error) { z.keep(0, err) }

// files: regular files open for reading, writing and both, locked, deleted and
// with names that cannot be printed, and a directory.
func (z *zoo) files() {
	z.check(os.WriteFile("regular", []byte("hello, world"), 0o644))
	r := z.keep(unix.Open("regular", unix.O_RDONLY, 0))
	_, err := unix.Seek(r, 5, 0)
	z.check(err)
	z.keep(unix.Open("regular", unix.O_WRONLY, 0))
	z.keep(unix.Open("regular", unix.O_PATH, 0))
	for _, name := range []string{"bell\a", "tab\t\n", `back\slash`, "한국어", "\xff\x7f", "a:b"} {
		z.keep(unix.Open(name, unix.O_RDWR|unix.O_CREAT, 0o644))
	}
	flocked := z.keep(unix.Open("flocked", unix.O_RDWR|unix.O_CREAT, 0o644))
	z.check(unix.Flock(flocked, unix.LOCK_EX))
	for i, kind := range []int16{unix.F_RDLCK, unix.F_WRLCK} {
		name := fmt.Sprint("locked", i)
		locked := z.keep(unix.Open(name, unix.O_RDWR|unix.O_CREAT, 0o644))
		z.check(unix.FcntlFlock(uintptr(locked), unix.F_SETLK, &unix.Flock_t{Type: kind, Start: 0, Len: int64(i)}))
	}
	z.keep(unix.Open("deleted", unix.O_RDWR|unix.O_CREAT, 0o644))
	z.check(os.Remove("deleted"))
	z.keep(unix.Open(".", unix.O_RDONLY|unix.O_DIRECTORY, 0))
}

// specials: devices, a named pipe and pipes.
func (z *zoo) specials() {
	z.keep(unix.Open("/dev/null", unix.O_RDONLY, 0))
	z.keep(unix.Open("/dev/zero", unix.O_RDWR, 0))
	z.check(unix.Mkfifo("fifo", 0o600))
	z.keep(unix.Open("fifo", unix.O_RDWR, 0))
	var pipe [2]int
	z.check(unix.Pipe(pipe[:]))
	z.keep(unix.Dup(pipe[0]))
}

// anonymous: what the kernel gives a descriptor without a file.
func (z *zoo) anonymous() {
	z.keep(unix.Eventfd(3, 0))
	z.keep(unix.InotifyInit())
	z.keep(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0))
	z.keep(unix.Signalfd(-1, &unix.Sigset_t{}, 0))
	z.keep(unix.MemfdCreate("memory", 0))
	z.keep(unix.PidfdOpen(os.Getpid(), 0))
	z.keep(unix.Open("/proc/self/ns/net", unix.O_RDONLY, 0))
	z.keep(unix.EpollCreate1(0))
	z.epoll(3)
	z.epoll(mostTargets)
	z.epoll(mostTargets + 3)
}

// epoll makes an epoll instance that watches n pipes.
func (z *zoo) epoll(n int) {
	instance := z.keep(unix.EpollCreate1(0))
	for range n {
		var pipe [2]int
		z.check(unix.Pipe(pipe[:]))
		z.check(unix.EpollCtl(instance, unix.EPOLL_CTL_ADD, pipe[0], &unix.EpollEvent{Events: unix.EPOLLIN}))
	}
}
