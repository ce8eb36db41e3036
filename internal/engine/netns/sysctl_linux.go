package netns

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctls writes kernel parameters of the calling thread's namespace.
//
// It does so over a procfs of its own, which it renews now and then: in the
// machine's /proc every namespace leaves entries with the same names, which
// the kernel then has to pass one by one to find its own. At 1,000 namespaces
// that would take longer than everything else about them.
type sysctls struct {
	proc *os.File // nil: none yet, or the system gives none
	left int      // how many more namespaces it is good for
}

// renewal is how many parameters are written before procfs is renewed.
const renewal = 64

// write sets a parameter such as net.ipv4.ip_forward.
func (s *sysctls) write(key, value string) error {
	if s.left == 0 {
		s.renew()
	}
	s.left--
	path := "sys/" + strings.ReplaceAll(key, ".", "/")
	dir := unix.AT_FDCWD
	if s.proc != nil {
		dir = int(s.proc.Fd())
	} else {
		path = "/proc/" + path
	}
	fd, err := unix.Openat(dir, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%w: this kernel has no such parameter for a single host", err)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

// renew gets a new procfs. Older kernels and some user namespaces give none:
// then it is the machine's, which does the same and slower.
func (s *sysctls) renew() {
	s.close()
	s.left = renewal
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return
	}
	defer unix.Close(fs)
	if unix.FsconfigCreate(fs) != nil {
		return
	}
	if root, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0); err == nil {
		s.proc = os.NewFile(uintptr(root), "proc")
	}
}

func (s *sysctls) close() {
	if s.proc != nil {
		s.proc.Close()
		s.proc = nil
	}
}

func (s sysctlStep) do(w *worker, t task) error {
	if err := w.enter(t.host); err != nil {
		return err
	}
	err := w.sysctls.write(s.key, s.value)
	if s.optional && errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
