package netns

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctlName is a parameter's name in sysctl(8)'s notation with dots. Only net.*
// belongs to a network namespace, all else is the machine's.
var sysctlName = regexp.MustCompile(`^net(\.[A-Za-z0-9_-]+)+$`)

// ofInterface matches parameters that exist only while an interface does.
var ofInterface = regexp.MustCompile(`\.eth[0-9]+\.`)

// setSysctls sets those of the host's parameters that are of an interface, or
// those that are not, which have to be set before there are interfaces that
// copy them.
func setSysctls(p *procfs, h *Host, ofInterfaces bool) error {
	for _, key := range slices.Sorted(maps.Keys(h.asked.Sysctls)) {
		if ofInterface.MatchString(key) != ofInterfaces {
			continue
		}
		if err := setNamespace(h.file); err != nil {
			return err
		}
		if err := p.set(key, h.asked.Sysctls[key]); err != nil {
			return err
		}
	}
	return nil
}

// A procfs sets kernel parameters of the calling thread's namespace.
//
// It has a procfs(5) of its own, which it renews now and then: in the machine's
// /proc every namespace leaves entries with the same names, which the kernel
// then passes one by one to find its own. At 1,000 namespaces that takes longer
// than everything else about them.
type procfs struct {
	root *os.File // nil: none yet, or the system gives none
	left int      // how many more parameters it is good for
}

// renewal is how many parameters are set before the procfs is renewed.
const renewal = 64

// set sets a parameter such as net.ipv4.ip_forward.
func (p *procfs) set(key, value string) error {
	if p.left == 0 {
		p.renew()
	}
	p.left--
	err := p.write("sys/"+strings.ReplaceAll(key, ".", "/"), value)
	if errors.Is(err, unix.ENOENT) {
		err = fmt.Errorf("%w: this kernel has no such parameter for a single host", err)
	}
	if err != nil {
		return fmt.Errorf("set %s=%q: %w", key, value, err)
	}
	return nil
}

// setIfPresent sets a parameter that older kernels, or kernels without IPv6,
// do not have.
func (p *procfs) setIfPresent(key, value string) error {
	if err := p.set(key, value); !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

func (p *procfs) write(path, value string) error {
	dir := unix.AT_FDCWD
	if p.root != nil {
		dir = int(p.root.Fd())
	} else {
		path = "/proc/" + path
	}
	fd, err := unix.Openat(dir, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

// renew gets a new procfs. Older kernels and some user namespaces give none:
// then it is the machine's, which does the same and slower.
func (p *procfs) renew() {
	p.close()
	p.left = renewal
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return
	}
	defer unix.Close(fs)
	if unix.FsconfigCreate(fs) != nil {
		return
	}
	if root, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0); err == nil {
		p.root = os.NewFile(uintptr(root), "proc")
	}
}

func (p *procfs) close() {
	if p.root != nil {
		p.root.Close()
		p.root = nil
	}
}
