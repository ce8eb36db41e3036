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

// A procfs sets kernel parameters of the calling thread's namespace.
//
// It is a procfs(5) of its own, which is renewed now and then: in the machine's
// /proc every namespace leaves entries with the same names, which the kernel
// then passes one by one to find its own. At 1,000 namespaces that takes longer
// than everything else about them.
type procfs struct {
	root int // its descriptor
	left int // how many more parameters it is good for
}

// renewal is how many parameters are set before the procfs is renewed.
const renewal = 64

// setAll sets those of the host's parameters that are of an interface, or
// those that are not, which have to be set before there are interfaces that
// copy them.
func (p *procfs) setAll(h *Host, ofInterfaces bool) error {
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

// set sets a parameter such as net.ipv4.ip_forward.
func (p *procfs) set(key, value string) error {
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
	if p.left == 0 {
		if err := p.renew(); err != nil {
			return os.NewSyscallError("make a procfs", err)
		}
	}
	p.left--
	fd, err := unix.Openat(p.root, path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

func (p *procfs) renew() error {
	p.close()
	fs, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return err
	}
	p.root, err = unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err == nil {
		p.left = renewal
	}
	return err
}

// close closes the procfs, if there is one: its descriptor cannot be 0.
func (p *procfs) close() {
	if p.root != 0 {
		unix.Close(p.root)
	}
	*p = procfs{}
}
