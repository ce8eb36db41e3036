package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A process is a program on a host (agent.Process). It is waited for from its
// beginning.
type process struct {
	cmd *exec.Cmd
	// pipe is where the helper says whether it executes the program.
	pipe *os.File
	// instead is the signal that SIGKILL was sent for.
	instead atomic.Int32
	ended   chan struct{}
	status  int
	err     error
}

// PID returns the process's id as this process sees it; the program itself
// sees 1.
func (p *process) PID() int { return p.cmd.Process.Pid }

// Wait returns the exit status, or 128 and the number of the signal that ended
// the program.
func (p *process) Wait() (int, error) {
	<-p.ended
	return p.status, p.err
}

// Signal sends a signal. It is no error if the process is gone.
//
// The program is the first of its PID namespace, which the kernel keeps from
// all signals that it does not handle (pid_namespaces(7)). Such a signal does
// all the same what it does to other processes: it ends the program, by SIGKILL,
// and Wait says what was meant, or it stops it, by SIGSTOP. A program that
// handles it in its runtime only, as Go's does, ends as its runtime does in a
// container: Go's with status 2.
func (p *process) Signal(s os.Signal) error {
	sig, ok := s.(syscall.Signal)
	if !ok {
		return fmt.Errorf("signal %s: Linux has no such signal", s)
	}
	send := sig
	switch sig {
	case unix.SIGSTOP, unix.SIGCONT, unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH:
		// The first two work on every process, the others do nothing by default.
	case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		if !p.handles(sig) {
			send = unix.SIGSTOP
		}
	default:
		if !p.handles(sig) {
			p.instead.CompareAndSwap(0, int32(sig))
			send = unix.SIGKILL
		}
	}
	if err := p.cmd.Process.Signal(send); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to process %d: %w", sig, p.PID(), err)
	}
	return nil
}

// reap waits for the process's end and keeps its status.
func (p *process) reap() {
	defer close(p.ended)
	state, err := p.cmd.Process.Wait()
	if err != nil {
		p.err = fmt.Errorf("wait for process %d: %w", p.PID(), err)
		return
	}
	p.status = state.ExitCode()
	if status := state.Sys().(syscall.WaitStatus); status.Signaled() {
		signal := status.Signal()
		if instead := p.instead.Load(); instead != 0 && signal == unix.SIGKILL {
			signal = unix.Signal(instead)
		}
		p.status = 128 + int(signal)
	}
}

// handles tells whether the process handles or ignores the signal, by the masks
// of /proc/PID/status. A process that cannot be asked is gone, or about to be.
func (p *process) handles(s unix.Signal) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
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
