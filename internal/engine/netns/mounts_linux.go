package netns

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/run"
)

// Where the starter and the helpers that it starts have what programs need,
// because every system has such a directory, and programs get another /sys.
const (
	prepared         = "/sys"
	preparedPrograms = prepared + "/bin"
	ownProgram       = preparedPrograms + "/lab"
)

// programsFolder is where programs find ours: a directory of every /sys, which
// container engines hide from programs, too.
const programsFolder = "/sys/firmware"

// harmless are the flags that the machine's own /proc and /sys have. Inside a
// user namespace the kernel refuses less.
const harmless = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// prepareMounts mounts, in the thread's own mount namespace, a file system in
// memory that has this command's executable under the names of our programs.
// It lasts until the last process of the namespace and of its copies ends.
func prepareMounts() error {
	if err := makeMountsPrivate(); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", prepared, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return &os.PathError{Op: "mount tmpfs at", Path: prepared, Err: err}
	}
	if err := os.Mkdir(preparedPrograms, 0o755); err != nil {
		return err
	}
	for _, name := range run.Programs {
		if err := os.Symlink("lab", filepath.Join(preparedPrograms, name)); err != nil {
			return err
		}
	}
	return provideExecutable(ownProgram)
}

// provideExecutable provides this command's executable: itself where it still
// is where it was started and others may run it, else a copy in memory.
func provideExecutable(at string) error {
	original, err := os.Open(ownExecutable)
	if err != nil {
		return err
	}
	defer original.Close()
	info, err := original.Stat()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(at, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer file.Close()
	path, _ := os.Executable()
	there, err := os.Stat(path)
	if err == nil && os.SameFile(info, there) && (agent.Unprivileged() == nil || info.Mode().Perm()&0o001 != 0) &&
		unix.Mount(path, at, "", unix.MS_BIND, "") == nil {
		return nil
	}
	if err := file.Chmod(0o755); err != nil {
		return err
	}
	_, err = io.Copy(file, original)
	return err
}

// isolate makes the process see only its host: its processes, its interfaces,
// its name and the names that it knows.
func (r request) isolate() error {
	if err := unix.Sethostname([]byte(r.Hostname)); err != nil {
		return fmt.Errorf("set host name %q: %w", r.Hostname, err)
	}
	if err := bind(r.Hosts, "/etc/hosts", harmless); err != nil {
		return err
	}
	programs, err := unix.Open(preparedPrograms, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: preparedPrograms, Err: err}
	}
	defer unix.Close(programs)
	if err := mountProc(); err != nil {
		return err
	}
	if err := mount("sysfs", "/sys", "sysfs", harmless|unix.MS_RDONLY); err != nil {
		return err
	}
	return bind(fmt.Sprintf("/proc/self/fd/%d", programs), programsFolder, unix.MS_NOSUID|unix.MS_NODEV)
}

// bind mounts a file or directory that can be read only.
func bind(from, to string, flags uintptr) error {
	if err := mount(from, to, "", unix.MS_BIND|unix.MS_REC); err != nil {
		return err
	}
	return mount("", to, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|flags)
}

// mountProc mounts the /proc of the PID namespace that the process is in.
func mountProc() error { return mount("proc", "/proc", "proc", harmless) }

// makeMountsPrivate keeps what is mounted from now on to this mount namespace.
func makeMountsPrivate() error { return mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE) }

func mount(source, target, kind string, flags uintptr) error {
	if err := unix.Mount(source, target, kind, flags, ""); err != nil {
		return &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return nil
}
