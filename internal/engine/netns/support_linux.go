package netns

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/engine/netns/spawn"
)

// Supported returns nil if this process can build networks, either as it is
// or after Rootless. Otherwise its error is one sentence that says what forbids
// it and what to do. It tries what a program's start takes, in a process that
// then ends, and changes nothing.
func Supported() error {
	if err := probe(); err != nil {
		return explain(err, readSwitch)
	}
	return nil
}

// probe isolates a process as a program's is, and lets it end.
func probe() error {
	request, err := spawn.Request{Kind: spawn.Probe, User: programUser(), Hostname: "probe"}.Encode()
	if err != nil {
		return err
	}
	sys := &syscall.SysProcAttr{}
	if !Privileged() {
		sys = ownUser()
	}
	sys.Cloneflags |= ownNamespaces | unix.CLONE_NEWNET
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer ours.Close()
	pid, pidfd, err := clone([]*os.File{null, null, null, theirs}, sys)
	theirs.Close()
	if err != nil {
		return err
	}
	p := newProcess(pid, pidfd)
	err = converse(ours, request)
	p.reap()
	return errors.Join(err, p.err)
}

// A lookup returns the text of a file below /proc, "" if there is none.
type lookup func(file string) string

func readSwitch(file string) string {
	text, err := os.ReadFile("/proc/" + file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// The switches by which systems forbid namespaces to ordinary users, and the
// value that does; the second sets it to one that does not.
var switches = []struct{ name, forbids, allows string }{
	{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"},
	{"kernel.unprivileged_userns_clone", "0", "1"},
	{"user.max_user_namespaces", "0", "10000"},
	{"user.max_net_namespaces", "0", "10000"},
	{"user.max_pid_namespaces", "0", "10000"},
	{"user.max_mnt_namespaces", "0", "10000"},
}

// explain says why this system lets nobody like this process make networks.
func explain(cause error, read lookup) error {
	for _, s := range switches {
		if read("sys/"+strings.ReplaceAll(s.name, ".", "/")) == s.forbids {
			return fmt.Errorf("the system forbids ordinary users to make networks by %s=%s: set it with `sudo sysctl %s=%s`, or use sudo, or --engine docker (%w)",
				s.name, s.forbids, s.name, s.allows, cause)
		}
	}
	if sandboxed(cause, read) {
		return fmt.Errorf("the sandbox that this runs in, such as a container, forbids to make networks: "+
			"start the container with --privileged, or use sudo outside of it, or --engine docker (%w)", cause)
	}
	return fmt.Errorf("the system forbids to make networks: use sudo, or --engine docker (%w)", cause)
}

// sandboxed tells whether it is not the system that forbids something but what
// this process was started in: a seccomp filter, or a /proc of which parts are
// hidden, so that nobody inside may mount another one.
func sandboxed(cause error, read lookup) bool {
	for line := range strings.Lines(read("self/status")) {
		if mode, ok := strings.CutPrefix(line, "Seccomp:"); ok && strings.TrimSpace(mode) != "0" {
			return true
		}
	}
	return strings.Contains(cause.Error(), "mount /proc")
}
