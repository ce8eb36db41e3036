package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// InPlace is the namespace of an agent that already is in its host's, as the
// first process of a container.
type InPlace struct{}

// Do runs f where it is called.
func (InPlace) Do(f func() error) error { return f() }

// Start starts the program as an ordinary user without any capability. It has
// the agent's environment, which is that of the container. It ends
// with the container, whose first process is the agent, and what it started
// itself ends with it.
func (InPlace) Start(ctx context.Context, p Program) (Process, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	environment := p.FullEnvironment(filepath.Dir(self), os.Environ())
	path, err := p.Executable(environment)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Args[0], err)
	}
	stdin := p.Stdin
	if stdin == nil {
		if stdin, err = os.Open(os.DevNull); err != nil {
			return nil, err
		}
		defer stdin.Close()
	}
	attributes := &os.ProcAttr{
		Dir: p.Directory, Env: environment, Files: []*os.File{stdin, p.Stdout, p.Stderr},
		Sys: &syscall.SysProcAttr{Credential: Unprivileged(), Setsid: true},
	}
	if p.Directory == "" {
		attributes.Dir = "/"
	}
	var process *os.Process
	started := make(chan error)
	go func() {
		// The thread gives up capabilities for good, so it is never unlocked
		// and ends with the goroutine.
		runtime.LockOSThread()
		err := DropCapabilities()
		if err == nil {
			process, err = os.StartProcess(path, p.Args, attributes)
		}
		started <- err
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", strings.Join(p.Args, " "), err)
	}
	return child{process}, nil
}

// Unprivileged is the credential that programs get: nobody's where this process
// is root, nil where it is not, since its own has no privilege either.
func Unprivileged() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: UnprivilegedID, Gid: UnprivilegedID}
}

// DropCapabilities empties the calling thread's bounding and inheritable sets
// and forbids new privileges (capabilities(7), prctl(2)): what it starts as
// another user has no capability, and no way to get one. The thread cannot get
// them back: lock it, and let it end.
func DropCapabilities() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	if data[0].Effective|data[1].Effective != 0 {
		for capability := range uintptr(unix.CAP_LAST_CAP + 1) {
			err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
			if err != nil && !errors.Is(err, unix.EINVAL) { // a capability that this kernel does not have
				return fmt.Errorf("give up capability %d: %w", capability, err)
			}
		}
		data[0].Inheritable, data[1].Inheritable = 0, 0
		if err := unix.Capset(&head, &data[0]); err != nil {
			return fmt.Errorf("give up inheritable capabilities: %w", err)
		}
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// A child is a process that InPlace started, the leader of a session.
type child struct{ process *os.Process }

func (c child) PID() int { return c.process.Pid }

func (c child) Signal(s os.Signal) error {
	if err := c.process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Wait waits for the program. What it leaves running in its process group is
// killed, as all else ends with the first process of a container.
func (c child) Wait() (int, error) {
	state, err := c.process.Wait()
	if err != nil {
		return 0, fmt.Errorf("wait for process %d: %w", c.process.Pid, err)
	}
	// The group keeps its number as long as there is anybody in it.
	if err := unix.Kill(-c.process.Pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return 0, fmt.Errorf("end what process %d left: %w", c.process.Pid, err)
	}
	status := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// continueSignal has a process continue that a signal stopped.
const continueSignal = unix.SIGCONT

// signalNamed is the signal of that name, with or without SIG; nil for one that
// nobody knows, and for none.
func signalNamed(name string) os.Signal {
	if s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); s != 0 {
		return s
	}
	return nil
}

// kernelRelease is this kernel's release (uname(2)).
func kernelRelease() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "" // it never fails
	}
	return unix.ByteSliceToString(name.Release[:])
}
