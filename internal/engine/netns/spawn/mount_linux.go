package spawn

import (
	"os"
	"syscall"
)

// The flags that the machine's own /proc and /sys have. Inside a user
// namespace the kernel refuses less.
const quiet = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC

// isolate makes the process see only its host: its processes, its interfaces,
// its name and the names that it knows. It returns a descriptor's path under
// which r.As is a link to r.File; the path ends with the descriptor.
func isolate(r Request) (links string, err error) {
	if err := private(); err != nil {
		return "", err
	}
	if err := syscall.Sethostname([]byte(r.Hostname)); err != nil {
		return "", failed("set host name", r.Hostname, err)
	}
	if links, err = files(r); err != nil {
		return "", err
	}
	if err := mountProc(); err != nil {
		return "", err
	}
	if err := syscall.Mount("sysfs", "/sys", "sysfs", quiet|syscall.MS_RDONLY, ""); err != nil {
		return "", failed("mount", "/sys", err)
	}
	return links, nil
}

// private keeps what is mounted from now on to this mount namespace.
func private() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return failed("make private", "/", err)
	}
	return nil
}

func mountProc() error {
	if err := private(); err != nil {
		return err
	}
	if err := syscall.Mount("proc", "/proc", "proc", quiet, ""); err != nil {
		return failed("mount", "/proc", err)
	}
	return nil
}

// files makes /etc/hosts and the link to r.File on a file system in memory. It
// is mounted where /sys is going to be, because that is a directory which every
// system has, and unmounted at once: /etc/hosts and the descriptor keep it
// until the process ends, and nothing is left on any disk.
func files(r Request) (links string, err error) {
	const at = "/sys"
	if err := syscall.Mount("tmpfs", at, "tmpfs", quiet, "mode=0755,size=16m"); err != nil {
		return "", failed("mount tmpfs at", at, err)
	}
	hosts := at + "/hosts"
	if err := os.WriteFile(hosts, []byte(r.Hosts), 0o644); err != nil {
		return "", err
	}
	for _, flags := range []uintptr{0, syscall.MS_REMOUNT | syscall.MS_RDONLY | quiet} {
		if err := syscall.Mount(hosts, "/etc/hosts", "", syscall.MS_BIND|flags, ""); err != nil {
			return "", failed("mount", "/etc/hosts", err)
		}
	}
	if r.File != "" {
		if err := os.Symlink(r.File, at+"/"+r.As); err != nil {
			return "", err
		}
	}
	fd, err := syscall.Open(at, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return "", failed("open", at, err)
	}
	if err := syscall.Unmount(at, syscall.MNT_DETACH); err != nil {
		return "", failed("unmount", at, err)
	}
	return descriptor(fd, ""), nil
}

// oPath is O_PATH, which package syscall does not have (open(2)).
const oPath = 0x200000
