package netns

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
)

// HelperCommand is the hidden subcommand by which this command starts itself
// again to isolate a process.
const HelperCommand = "netns-helper"

// IsHelper tells whether this process was started as a helper.
func IsHelper() bool { return len(os.Args) == 2 && os.Args[1] == HelperCommand }

// A request says what a helper is to become. It is given as a gob, for
// arguments need not be UTF-8.
type request struct {
	Role role
	// Args are the program and its arguments. A program is looked up in the
	// PATH of Environment, unless it has a slash.
	Args        []string
	Environment []string
	Directory   string
	Hostname    string
	Hosts       string // the text of /etc/hosts
}

// A role is what a helper is for.
type role int

const (
	// program: isolate the process, drop its privileges and execute Args.
	program role = iota
	// engine: give the process a /proc of its PID namespace and execute this
	// command with the privileges that it has.
	engine
	// probe: do what a program does until it would execute, and end.
	probe
)

const (
	// helperSocket is the descriptor of the socket to the parent.
	helperSocket = 3
	// executing is what a helper says before it executes anything, or, as a
	// probe, ends. The socket closes when it does. Anything else that it says is
	// a sentence that says why it could not.
	executing = "."
	// ownExecutable is this program, whatever became of its file.
	ownExecutable = "/proc/self/exe"
	// outerPID is the variable by which the engine in a PID namespace of its
	// own learns which process it is outside.
	outerPID = "FOURTUPLE_OUTER_PID"
)

// Helper does what a helper is requested to do, and returns its exit status if
// it could not, or if there is nothing to execute.
func Helper() int {
	// Privileges and the parent-death signal are a thread's own, and the thread
	// that executes gives them to the program.
	runtime.LockOSThread()
	unix.CloseOnExec(helperSocket)
	parent := os.NewFile(helperSocket, "parent")
	var r request
	err := gob.NewDecoder(parent).Decode(&r)
	if err == nil {
		err = r.become(parent)
	}
	if err != nil {
		_, _ = io.WriteString(parent, err.Error())
		return 1
	}
	return 0
}

// become does what the request says. It returns when there is nothing to
// execute.
func (r request) become(parent *os.File) error {
	switch r.Role {
	case engine:
		// /proc is still that of the processes outside.
		if outer, err := os.Readlink("/proc/self"); err == nil {
			r.Environment = append(r.Environment, outerPID+"="+outer)
		}
		if err := makeMountsPrivate(); err != nil {
			return err
		}
		if err := mount("proc", "/proc", "proc", harmless); err != nil {
			return err
		}
		return r.execute(parent, ownExecutable)
	case probe:
		if err := prepareMounts(); err != nil {
			return err
		}
	}
	if err := r.isolate(); err != nil {
		return err
	}
	if err := dropPrivileges(); err != nil {
		return err
	}
	if r.Role == probe {
		_, err := io.WriteString(parent, executing)
		return err
	}
	if err := os.Chdir(r.Directory); err != nil {
		return err
	}
	if err := closeAllOnExec(); err != nil {
		return err
	}
	file, err := (&agent.Program{Args: r.Args, Directory: r.Directory}).Executable(r.Environment)
	if err != nil {
		return err
	}
	return r.execute(parent, file)
}

// execute becomes the program: it is killed from now on when the thread that
// cloned this process ends. A parent that ended before is noticed by its end of
// the socket.
func (r request) execute(parent *os.File, file string) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return os.NewSyscallError("set parent-death signal", err)
	}
	if _, err := io.WriteString(parent, executing); err != nil {
		return err // EPIPE: there is no parent
	}
	err := syscall.Exec(file, r.Args, r.Environment)
	return &os.PathError{Op: "run", Path: strconv.Quote(file), Err: err}
}

// closeAllOnExec lets the program have descriptors 0 to 2 only, whatever this
// process inherited.
func closeAllOnExec() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// Where a starter and the helpers that it clones prepare what programs need,
// because every system has such a directory, and programs get another /sys.
const (
	prepared         = "/sys"
	preparedPrograms = prepared + "/bin"
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
	for _, name := range []string{"server", "client"} {
		if err := os.Symlink("lab", filepath.Join(preparedPrograms, name)); err != nil {
			return err
		}
	}
	return provideExecutable(filepath.Join(preparedPrograms, "lab"))
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
	if err := mountHosts(r.Hosts); err != nil {
		return err
	}
	programs, err := unix.Open(preparedPrograms, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: preparedPrograms, Err: err}
	}
	defer unix.Close(programs)
	if err := mount("proc", "/proc", "proc", harmless); err != nil {
		return err
	}
	if err := mount("sysfs", "/sys", "sysfs", harmless|unix.MS_RDONLY); err != nil {
		return err
	}
	return bind(fmt.Sprintf("/proc/self/fd/%d", programs), programsFolder, unix.MS_NOSUID|unix.MS_NODEV)
}

// mountHosts gives the process an /etc/hosts, of which nothing is left when it
// ends.
func mountHosts(text string) error {
	file, err := os.CreateTemp(prepared, "hosts")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return bind(file.Name(), "/etc/hosts", harmless)
}

// bind mounts a file or directory that can be read only.
func bind(from, to string, flags uintptr) error {
	if err := mount(from, to, "", unix.MS_BIND|unix.MS_REC); err != nil {
		return err
	}
	return mount("", to, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|flags)
}

// makeMountsPrivate keeps what is mounted from now on to this mount namespace.
func makeMountsPrivate() error { return mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE) }

func mount(source, target, kind string, flags uintptr) error {
	if err := unix.Mount(source, target, kind, flags, ""); err != nil {
		return &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return nil
}

// dropPrivileges makes the calling thread an ordinary user that has no
// capability after the next execve(2), and can get none.
func dropPrivileges() error {
	if err := agent.DropCapabilities(); err != nil {
		return err
	}
	nobody := agent.Unprivileged()
	if nobody == nil {
		return nil
	}
	if err := unix.Setgroups(nil); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	if err := unix.Setresgid(int(nobody.Gid), int(nobody.Gid), int(nobody.Gid)); err != nil {
		return os.NewSyscallError("setresgid", err)
	}
	return os.NewSyscallError("setresuid", unix.Setresuid(int(nobody.Uid), int(nobody.Uid), int(nobody.Uid)))
}
