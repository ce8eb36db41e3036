package agent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Ordinary is the user and the group that programs run as: nobody, who owns
// nothing.
const Ordinary = 65534

// Here is the place of an agent that already is in its host's namespaces, as
// the first process of a container.
type Here struct{}

// Enter runs f where it is called.
func (Here) Enter(f func() error) error { return f() }

// Start starts the program as an ordinary user without any capability. Server
// and client are looked up in PATH like any other program. It dies with the
// container, whose first process is the agent.
func (Here) Start(p Program) (Process, error) {
	path, err := exec.LookPath(p.Args[0])
	if err != nil {
		return nil, fmt.Errorf("start %s: no such program on this host", p.Args[0])
	}
	started := make(chan result, 1)
	go func() {
		// The thread gives up capabilities for good, so it is never unlocked
		// and ends with the goroutine.
		runtime.LockOSThread()
		process, err := startUnprivileged(path, p)
		started <- result{process, err}
	}()
	r := <-started
	if r.err != nil {
		return nil, fmt.Errorf("start %s: %w", strings.Join(p.Args, " "), r.err)
	}
	return child{r.process}, nil
}

type result struct {
	process *os.Process
	err     error
}

func startUnprivileged(path string, p Program) (*os.Process, error) {
	if err := giveUpCapabilities(); err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	dir := p.Directory
	if dir == "" {
		dir = "/"
	}
	return os.StartProcess(path, p.Args, &os.ProcAttr{
		Dir:   dir,
		Env:   append(minimalEnvironment(), p.Environment...),
		Files: []*os.File{null, p.Stdout, p.Stderr},
		Sys:   &syscall.SysProcAttr{Credential: ordinary(), Setsid: true},
	})
}

// ordinary is nobody's credential; nil for an agent that is no root itself.
func ordinary() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: Ordinary, Gid: Ordinary}
}

func minimalEnvironment() []string {
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	return []string{"PATH=" + path, "HOME=/"}
}

// giveUpCapabilities empties the calling thread's bounding and inheritable
// sets and forbids new privileges (capabilities(7)): what it starts as another
// user has no capability, and no way to get one.
func giveUpCapabilities() error {
	for capability := range uintptr(unix.CAP_LAST_CAP + 1) {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("give up capability %d: %w", capability, err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("give up inheritable capabilities: %w", err)
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// A child is a process that Here started.
type child struct{ process *os.Process }

func (c child) PID() int { return c.process.Pid }

func (c child) Signal(s os.Signal) error {
	err := c.process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func (c child) Wait() (int, error) {
	state, err := c.process.Wait()
	if err != nil {
		return 0, err
	}
	status := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}
