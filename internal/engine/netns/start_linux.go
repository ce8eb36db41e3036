package netns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
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
// (/dev/null without a Stdin), 1 and 2. It is killed when this process ends,
// however that is.
func (h *Host) Start(ctx context.Context, p agent.Program) (agent.Process, error) {
	if len(p.Args) == 0 {
		return nil, fmt.Errorf("start a program on %s: there is none", h.asked.Name)
	}
	child, err := h.start(ctx, p)
	if err == nil {
		err = child.executed()
	}
	if err != nil {
		return nil, fmt.Errorf("start %q on %s: %w", p.Args, h.asked.Name, err)
	}
	return child, nil
}

// ownNamespaces is what a program has for itself, beside its host's network.
const ownNamespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// start starts the helper that becomes the program, and has Close wait for it.
func (h *Host) start(ctx context.Context, p agent.Program) (child *process, err error) {
	hostname := cmp.Or(p.Hostname, h.asked.Name)
	p.Environment = append([]string{"HOSTNAME=" + hostname}, p.Environment...)
	cmd := &exec.Cmd{
		Path: ownProgram, Env: p.FullEnvironment(programsFolder, nil), Stdout: p.Stdout, Stderr: p.Stderr,
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: ownNamespaces, Setsid: true, Credential: agent.Unprivileged(), AmbientCaps: needed,
		},
	}
	if p.Stdin != nil {
		cmd.Stdin = p.Stdin
	}
	r := request{Directory: cmp.Or(p.Directory, "/"), Hostname: hostname}
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errClosed
	}
	if ctx.Err() != nil { // while others were started
		return nil, context.Cause(ctx)
	}
	err = n.onStarter(func() error {
		if err := setNamespace(h.file); err != nil {
			return err
		}
		if r.Hosts, err = writeHosts(h.hostsFile(hostname, p.ExtraHosts)); err != nil {
			return err
		}
		child, err = startHelper(cmd, r, p.Args)
		return err
	})
	if err == nil {
		n.processes = append(n.processes, child)
		n.reapers.Go(child.reap)
	}
	return child, err
}

// onStarter runs f on the starter, the one OS thread that starts all programs
// of a network. It is called by one goroutine at a time.
func (n *Network) onStarter(f func() error) error {
	result := make(chan error)
	n.starts <- func(prepared error) {
		if prepared == nil {
			prepared = f()
		}
		result <- prepared
	}
	return <-result
}

// runStarter is the starter. Programs are started from its mount namespace
// (prepareMounts), and killed when it ends, which is when the network closes.
func (n *Network) runStarter() {
	err := onThread(func() error {
		runtime.LockOSThread() // for good: nothing else is to run among its mounts
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = prepareMounts()
		}
		for start := range n.starts {
			start(err)
		}
		return nil
	})
	for start := range n.starts { // if there is no such thread
		start(err)
	}
}

// writeHosts writes a file that the starter and the helpers that it starts see.
func writeHosts(text string) (name string, err error) {
	file, err := os.CreateTemp(prepared, "hosts")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	return file.Name(), errors.Join(err, file.Chmod(0o644), file.Close())
}

// hostsFile is the text of the host's /etc/hosts (hosts(5)): itself, the extra
// hosts that the lab names, and the hosts that it shares a subnet with, which
// Docker's name server knows too.
func (h *Host) hostsFile(hostname string, extra map[string][]netip.Addr) string {
	var text strings.Builder
	line := func(a netip.Addr, name string) { fmt.Fprintf(&text, "%s\t%s\n", a, name) }
	both := func(four, six netip.Addr, name string) { // in this order, where there are two
		line(four, name)
		if six.IsValid() && hasIPv6(h.asked) {
			line(six, name)
		}
	}
	both(netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback(), "localhost")
	for _, link := range h.asked.Links {
		both(link.Address.Addr(), link.Address6.Addr(), hostname)
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		for _, a := range extra[name] {
			line(a, name)
		}
	}
	for _, link := range h.asked.Links {
		for _, other := range h.network.members[link.Subnet] {
			if _, named := extra[other.host.Name]; !named && other.host != h.asked {
				both(other.address, other.address6, other.host.Name)
			}
		}
	}
	return text.String()
}
