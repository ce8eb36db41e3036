package netns

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A process is a program on a host (agent.Process). It is waited for from its
// beginning, by a goroutine that takes no thread.
type process struct {
	pid   int
	pidfd *os.File
	// instead is the signal that SIGKILL was sent for.
	instead atomic.Int32
	ended   chan struct{}
	status  int
	err     error
}

// newProcess takes over the pidfd, which has to be one: without it there is no
// telling the process from a later one of the same number.
func newProcess(pid, pidfd int) *process {
	// Go waits for a descriptor in its poller only if it does not block.
	_ = unix.SetNonblock(pidfd, true)
	return &process{pid: pid, pidfd: os.NewFile(uintptr(pidfd), "pidfd"), ended: make(chan struct{})}
}

// PID returns the process's id as this process sees it; the program itself
// sees 1.
func (p *process) PID() int { return p.pid }

// Wait returns the exit status, or 128 and the number of the signal that ended
// the program.
func (p *process) Wait() (int, error) {
	<-p.ended
	return p.status, p.err
}

// Signal sends a signal. It is no error if the process is gone.
//
// The program is the first of its PID namespace, which the kernel keeps from
// all signals that it does not handle (pid_namespaces(7)). Where such a signal
// would end any other process it ends this one too, by SIGKILL, and Wait says
// what was meant. A program that handles it in its runtime only, as Go's does,
// ends as its runtime does in a container: Go's with status 2.
func (p *process) Signal(s os.Signal) error {
	sig, ok := s.(syscall.Signal)
	if !ok {
		return fmt.Errorf("signal %s: Linux has no such signal", s)
	}
	send := sig
	if ends(sig) && p.defaults(sig) {
		p.instead.CompareAndSwap(0, int32(sig))
		send = unix.SIGKILL
	}
	err := p.control(func(fd int) error { return unix.PidfdSendSignal(fd, send, nil, 0) })
	if err != nil && !errors.Is(err, unix.ESRCH) && !p.gone() {
		return fmt.Errorf("send %s to process %d: %w", sig, p.pid, err)
	}
	return nil
}

// gone tells whether the process has been waited for.
func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process and waits for it.
func (p *process) kill() error {
	err := p.Signal(unix.SIGKILL)
	<-p.ended
	return errors.Join(err, p.err)
}

// control calls f with the pidfd, which stays open meanwhile.
func (p *process) control(f func(fd int) error) error {
	conn, err := p.pidfd.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := conn.Control(func(fd uintptr) { result = f(int(fd)) }); err != nil {
		return err
	}
	return result
}

// reap waits for the process's end and keeps its status.
func (p *process) reap() {
	defer p.pidfd.Close()
	defer close(p.ended)
	conn, err := p.pidfd.SyscallConn()
	if err != nil {
		p.err = err
		return
	}
	var status unix.WaitStatus
	err = conn.Read(func(uintptr) bool {
		var done bool
		done, p.err = wait(p.pid, &status)
		return done
	})
	if p.err = errors.Join(p.err, err); p.err != nil {
		p.err = fmt.Errorf("wait for process %d: %w", p.pid, p.err)
		return
	}
	p.status = status.ExitStatus()
	if status.Signaled() {
		p.status = 128 + int(p.meant(status.Signal()))
	}
}

// meant is the signal that was to end the process, when this one did.
func (p *process) meant(by unix.Signal) unix.Signal {
	if instead := p.instead.Load(); instead != 0 && by == unix.SIGKILL {
		return unix.Signal(instead)
	}
	return by
}

// wait asks once whether the process has ended.
func wait(pid int, status *unix.WaitStatus) (done bool, err error) {
	for {
		got, err := unix.Wait4(pid, status, unix.WNOHANG, nil)
		if !errors.Is(err, unix.EINTR) {
			return got == pid || err != nil, err
		}
	}
}
