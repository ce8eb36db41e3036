package netns

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
)

// Rootless runs this command once more, with the same arguments, environment,
// directory and open files, in a user namespace where it is Privileged, and
// returns its exit status, 128 and the signal's number if a signal ended it.
// It is for a process that is not; call it first, before anything is done that
// should be done once.
//
// There it is the same user as here, or uid 65534 where it is root here, but
// with all capabilities over the network, PID and mount namespaces that it gets
// with it. SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on to it; it is in a
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
	p, socket, err := startHelper([3]*os.File{os.Stdin, os.Stdout, os.Stderr}, sys)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	go p.reap()
	if err := converse(socket, request{Role: engine, Args: os.Args, Environment: os.Environ()}); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

// ownUser asks for a user namespace in which the user has all capabilities,
// also after execve(2). Without privileges there can be no second user.
func ownUser() *syscall.SysProcAttr {
	inside := os.Geteuid()
	if inside == 0 {
		inside = agent.UnprivilegedID // programs must not own what root owns
	}
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: inside, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}},
		AmbientCaps: allCapabilities(),
	}
}

// allCapabilities has every capability that this kernel knows.
func allCapabilities() []uintptr {
	last, err := strconv.Atoi(readProc("sys/kernel/cap_last_cap"))
	if err != nil {
		last = unix.CAP_LAST_CAP
	}
	all := make([]uintptr, last+1)
	for i := range all {
		all[i] = uintptr(i)
	}
	return all
}
