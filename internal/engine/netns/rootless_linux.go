package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
)

// needed are the capabilities that the engine uses itself: to make namespaces
// and what is in them, to watch, and to start, inspect and stop programs that
// have none.
var needed = []uintptr{
	unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SETUID, unix.CAP_SETGID,
	unix.CAP_SETPCAP, unix.CAP_KILL, unix.CAP_SYS_PTRACE,
}

// Privileged tells whether this process may build networks as it is.
func Privileged() bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return false
	}
	for _, c := range needed {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			return false
		}
	}
	return true
}

// Rootless runs this command once more, with the same arguments, environment,
// directory and open files, in a user namespace where it is Privileged, and
// returns its exit status, 128 and the signal's number if a signal ended it.
// It is for a process that is not; call it first, before anything is done that
// should be done once.
//
// There it is the same user as here, or uid 65534 where it is root here, but
// with capabilities over the network, PID and mount namespaces that it gets with
// it. SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to it; it is in a
// process group of its own, so that the terminal's Ctrl-C reaches it once. It
// is killed when this process ends before it.
func Rootless() (status int, err error) {
	runtime.LockOSThread() // it is killed when this thread ends
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 16)
	for _, s := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT} {
		if !signal.Ignored(s) { // as they are under nohup(1)
			signal.Notify(signals, s)
		}
	}
	defer signal.Stop(signals)
	p, err := startEngine()
	if err != nil {
		return 0, explain(err, readProc)
	}
	for {
		select {
		case s := <-signals:
			err = errors.Join(err, p.Signal(s))
		case <-p.ended:
			return p.status, errors.Join(err, p.err)
		}
	}
}

// startEngine starts this command in namespaces of its own.
func startEngine() (*process, error) {
	sys := ownUser()
	sys.Cloneflags |= unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID
	sys.Setpgid = true
	p, err := startHelper(&exec.Cmd{
		Path: ownExecutable, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, SysProcAttr: sys,
	}, request{Engine: true}, os.Args)
	if err != nil {
		return nil, err
	}
	go p.reap()
	return p, p.executed()
}

// ownUser asks for a user namespace in which the user has the capabilities that
// are needed, also after execve(2). Without privileges there can be no second
// user.
func ownUser() *syscall.SysProcAttr {
	inside := os.Geteuid()
	if inside == 0 {
		inside = agent.UnprivilegedID // programs must not own what root owns
	}
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}},
		AmbientCaps: needed,
	}
}

// Supported returns nil if this process can build networks, either as it is
// or after Rootless. Otherwise its error is one sentence that says what forbids
// it and what to do. It tries what a program's start takes, in a process that
// then ends, and changes nothing.
func Supported() error {
	if err := tryHelper(); err != nil {
		return explain(err, readProc)
	}
	return nil
}

// tryHelper isolates a process as a program's is, and lets it end.
func tryHelper() error {
	sys := &syscall.SysProcAttr{}
	if !Privileged() {
		sys = ownUser()
	}
	sys.Cloneflags |= ownNamespaces | unix.CLONE_NEWNET
	p, err := startHelper(&exec.Cmd{Path: ownExecutable, SysProcAttr: sys}, request{Hostname: "probe", Hosts: "/etc/hosts"}, nil)
	if err != nil {
		return err
	}
	go p.reap()
	err = p.executed()
	<-p.ended
	return errors.Join(err, p.err)
}

// readProc returns the text of a file below /proc, "" if there is none.
func readProc(file string) string {
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

// explain says why this system lets nobody like this process make networks,
// from what read says of files below /proc.
func explain(cause error, read func(file string) string) error {
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
func sandboxed(cause error, read func(file string) string) bool {
	for line := range strings.Lines(read("self/status")) {
		if mode, ok := strings.CutPrefix(line, "Seccomp:"); ok && strings.TrimSpace(mode) != "0" {
			return true
		}
	}
	return strings.Contains(cause.Error(), "mount /proc")
}
