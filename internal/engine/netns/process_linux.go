package netns

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A process is a program on a host (agent.Process). It is waited for from its
// beginning, by a goroutine that takes no OS thread, as os.Process would.
type process struct {
	pid   int
	pidfd *os.File
	// instead is the signal that SIGKILL was sent for.
	instead atomic.Int32
	ended   chan struct{}
	status  int
	err     error
}

// newProcess takes over the pidfd.
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
	if endsByDefault(sig) && !p.handles(sig) {
		p.instead.CompareAndSwap(0, int32(sig))
		send = unix.SIGKILL
	}
	err := control(p.pidfd, func(fd int) error { return unix.PidfdSendSignal(fd, send, nil, 0) })
	if err == nil || errors.Is(err, unix.ESRCH) {
		return nil
	}
	select {
	case <-p.ended: // and its descriptor is closed
		return nil
	default:
		return fmt.Errorf("send %s to process %d: %w", sig, p.pid, err)
	}
}

// kill ends the process and waits for its end.
func (p *process) kill() error {
	err := p.Signal(unix.SIGKILL)
	<-p.ended
	return errors.Join(err, p.err)
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
	var waitErr error
	err = conn.Read(func(uintptr) bool {
		var got int
		for got, waitErr = unix.Wait4(p.pid, &status, unix.WNOHANG, nil); errors.Is(waitErr, unix.EINTR); {
			got, waitErr = unix.Wait4(p.pid, &status, unix.WNOHANG, nil)
		}
		return got == p.pid || waitErr != nil
	})
	if err = errors.Join(waitErr, err); err != nil {
		p.err = fmt.Errorf("wait for process %d: %w", p.pid, err)
		return
	}
	p.status = status.ExitStatus()
	if status.Signaled() {
		signal := status.Signal()
		if instead := p.instead.Load(); instead != 0 && signal == unix.SIGKILL {
			signal = unix.Signal(instead)
		}
		p.status = 128 + int(signal)
	}
}

// endsByDefault tells whether a signal ends a process that does not handle it
// (signal(7)).
func endsByDefault(s unix.Signal) bool {
	switch s {
	case unix.SIGKILL, unix.SIGSTOP, unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU,
		unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, 0:
		return false
	default:
		return true
	}
}

// handles tells whether the process handles or ignores the signal, by the masks
// of /proc/PID/status. A process that cannot be asked is gone, or about to be.
func (p *process) handles(s unix.Signal) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(line, ":")
		if name != "SigCgt" && name != "SigIgn" {
			continue
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 64)
		if err == nil && mask&(1<<(uint(s)-1)) != 0 {
			return true
		}
	}
	return false
}
