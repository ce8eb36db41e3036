package netns

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/engine/netns/spawn"
)

// ownExecutable is this program, whatever became of its file.
const ownExecutable = "/proc/self/exe"

// ownNamespaces is what a program has for itself, beside its host's network.
const ownNamespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// clone starts this program again as a process that waits for a spawn.Request
// on its descriptor 3, the fourth of the files. The process dies with the
// calling thread as soon as it has been conversed with.
func clone(files []*os.File, sys *syscall.SysProcAttr) (pid, pidfd int, err error) {
	attributes := &syscall.ProcAttr{Sys: sys}
	for _, f := range files {
		attributes.Files = append(attributes.Files, f.Fd())
	}
	sys.PidFD = &pidfd
	pid, err = syscall.ForkExec(ownExecutable, []string{spawn.Name}, attributes)
	if err != nil {
		return 0, 0, fmt.Errorf("clone: %w", err)
	}
	if pidfd < 0 {
		return 0, 0, errors.Join(errors.New("this kernel has no pidfds; Linux has them from 5.4 on"), abandon(pid))
	}
	return pid, pidfd, nil
}

// abandon ends a process that cannot be kept.
func abandon(pid int) error {
	err := unix.Kill(pid, unix.SIGKILL)
	_, waitErr := unix.Wait4(pid, nil, 0, nil)
	return errors.Join(err, waitErr)
}

// socketPair returns a stream socket's two ends; ours can be waited for
// without a thread.
func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "spawn"), os.NewFile(uintptr(fds[1]), "spawned"), nil
}

// converse gives the child its request and returns when it has executed its
// program, or why it has not (package spawn).
func converse(child *os.File, request []byte) error {
	if _, err := child.Write(request); err != nil {
		return fmt.Errorf("tell the new process: %w", err)
	}
	var armed [1]byte
	if _, err := io.ReadFull(child, armed[:]); err != nil {
		return errors.New("the new process ended at once")
	}
	if armed[0] == spawn.Armed {
		if _, err := child.Write([]byte{spawn.Go}); err != nil {
			return fmt.Errorf("tell the new process: %w", err)
		}
		armed[0] = 0
	}
	said, err := io.ReadAll(child)
	if err != nil && !errors.Is(err, unix.ECONNRESET) {
		return err
	}
	if armed[0] != 0 {
		said = append(armed[:], said...)
	}
	if len(said) > 0 {
		return errors.New(string(said))
	}
	return nil
}
