package netns

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
)

// Start starts a program on the host (agent.Namespace). It returns when the
// program is executed, or says why it is not.
//
// The program is the first process of a PID namespace of its own and has its
// own /proc, /sys, /etc/hosts, host name and session; its other files are the
// machine's. It has no capability, cannot get any, and no descriptors but 0
// (/dev/null), 1 and 2. It is killed when this process ends, however that is.
func (h *Host) Start(ctx context.Context, p agent.Program) (agent.Process, error) {
	process, err := h.start(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("start %q on %s: %w", p.Args, h.asked.Name, err)
	}
	return process, nil
}

func (h *Host) start(ctx context.Context, p agent.Program) (*process, error) {
	if len(p.Args) == 0 {
		return nil, errors.New("no program")
	}
	hostname := cmp.Or(p.Hostname, h.asked.Name)
	p.Environment = append([]string{"HOSTNAME=" + hostname}, p.Environment...)
	var child *process
	var socket *os.File
	err := h.network.starter.do(ctx, func() (err error) {
		if err := setNamespace(h.file); err != nil {
			return err
		}
		child, socket, err = startHelper(p.Args, &syscall.ProcAttr{
			Env: p.FullEnvironment(programsFolder, ""),
			Sys: &syscall.SysProcAttr{Cloneflags: ownNamespaces, Setsid: true},
		}, nil, p.Stdout, p.Stderr)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	if err := h.network.adopt(child); err != nil {
		return nil, err
	}
	r := request{Directory: cmp.Or(p.Directory, "/"), Hostname: hostname, Hosts: h.hostsFile(hostname, p.ExtraHosts)}
	if err := converse(socket, r); err != nil {
		return nil, errors.Join(err, child.kill())
	}
	return child, nil
}

// ownNamespaces is what a program has for itself, beside its host's network.
const ownNamespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// startHelper starts this command as a helper that waits for its request on
// the socket's other end, its descriptor 3. It dies with the calling thread as
// soon as it executes the arguments. Standard files that are nil are /dev/null.
func startHelper(args []string, attr *syscall.ProcAttr, standard ...*os.File) (*process, *os.File, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	for _, f := range standard {
		attr.Files = append(attr.Files, cmp.Or(f, null).Fd())
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(fds[1])
	_ = unix.SetNonblock(fds[0], true) // so that waiting for it takes no thread
	ours := os.NewFile(uintptr(fds[0]), "helper")
	pidfd := -1
	attr.Files, attr.Sys.PidFD = append(attr.Files, uintptr(fds[1])), &pidfd
	pid, err := syscall.ForkExec(ownExecutable, append([]string{"lab", HelperCommand}, args...), attr)
	if err == nil && pidfd < 0 { // the helper ends without a request
		err = errors.New("this kernel has no pidfds; Linux has them from 5.4 on")
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("clone: %w", err), ours.Close())
	}
	return newProcess(pid, pidfd), ours, nil
}

// converse gives the helper its request and returns when it has executed what
// was requested, or why it has not.
func converse(helper *os.File, r request) error {
	if err := json.NewEncoder(helper).Encode(r); err != nil {
		return fmt.Errorf("tell the new process: %w", err)
	}
	said, err := io.ReadAll(helper)
	reason, executed := strings.CutPrefix(string(said), executing)
	switch {
	case reason != "":
		return errors.New(reason)
	case !executed:
		return errors.Join(errors.New("the new process ended at once"), err)
	}
	return nil
}

// A starter is one OS thread that clones all programs of a network, from a
// mount namespace of its own (prepareMounts). The kernel kills a program when
// the thread that cloned it ends, so this one lives until the network is closed.
type starter struct {
	jobs chan func(prepared error)
	done chan struct{} // closed to end the thread
	loop sync.WaitGroup
}

// do runs f on the starter's thread, unless ctx ends before.
func (s *starter) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	job := func(prepared error) {
		if prepared == nil {
			prepared = f()
		}
		result <- prepared
	}
	select {
	case s.jobs <- job:
		return <-result
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.done:
		return errClosed
	}
}

// work never gives its thread back, which ends with the goroutine: so it must
// not be the process's first.
func (s *starter) work() {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		defer runtime.UnlockOSThread()
		var other sync.WaitGroup
		other.Go(s.work)
		other.Wait()
		return
	}
	home, err := currentNamespace()
	if err == nil {
		defer home.Close()
		err = unix.Unshare(unix.CLONE_NEWNS)
	}
	if err == nil {
		err = prepareMounts()
	}
	for {
		select {
		case job := <-s.jobs:
			job(err)
		case <-s.done:
			// The thread lasts a moment longer than this function, and is to
			// hold no host's namespace then.
			if home != nil {
				_ = setNamespace(home)
			}
			return
		}
	}
}

// hostsFile is the text of the host's /etc/hosts (hosts(5)): itself, the extra
// hosts that the lab names, and the hosts that it shares a subnet with, which
// Docker's name server knows too.
func (h *Host) hostsFile(hostname string, extra map[string][]netip.Addr) string {
	var text strings.Builder
	line := func(a netip.Addr, name string) { fmt.Fprintf(&text, "%s\t%s\n", a, name) }
	line(netip.AddrFrom4([4]byte{127, 0, 0, 1}), "localhost")
	for _, link := range h.asked.Links {
		line(link.Address.Addr(), hostname)
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		for _, a := range extra[name] {
			line(a, name)
		}
	}
	for _, link := range h.asked.Links {
		for _, other := range h.network.members[link.Subnet] {
			if other.host != h.asked {
				line(other.address, other.host.Name)
			}
		}
	}
	return text.String()
}
