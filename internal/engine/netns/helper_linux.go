package netns

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
)

// HelperCommand is the hidden subcommand by which this command starts itself
// again to isolate a process: after it come the arguments that the process is to
// have then. Its environment it has already.
const HelperCommand = "netns-helper"

// IsHelper tells whether this process was started as a helper.
func IsHelper() bool { return len(os.Args) > 1 && os.Args[1] == HelperCommand }

// A request says what a helper is to become.
type request struct {
	// Engine: execute this command in the PID namespace that the process is in,
	// with the privileges that it has. Otherwise the process is isolated, drops
	// its privileges and executes its arguments, or, if there are none, ends: it
	// was to find out whether that can be done.
	Engine    bool
	Directory string
	Hostname  string
	Hosts     string // the text of /etc/hosts
}

const (
	// helperSocket is the descriptor of the socket to the parent.
	helperSocket = 3
	// executing is what a helper says before it executes anything, or ends.
	// The socket closes when it does. Anything else that it says is a sentence
	// that says why it could not.
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
	err := json.NewDecoder(parent).Decode(&r)
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
	args, environment := os.Args[2:], os.Environ()
	if r.Engine {
		// /proc is still that of the processes outside.
		if outer, err := os.Readlink("/proc/self"); err == nil {
			environment = append(environment, outerPID+"="+outer)
		}
		if err := errors.Join(makeMountsPrivate(), mountProc()); err != nil {
			return err
		}
		return execute(parent, ownExecutable, args, environment)
	}
	if len(args) == 0 {
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
	if len(args) == 0 {
		_, err := io.WriteString(parent, executing)
		return err
	}
	if err := os.Chdir(r.Directory); err != nil {
		return err
	}
	if err := closeAllOnExec(); err != nil {
		return err
	}
	file, err := (&agent.Program{Args: args, Directory: r.Directory}).Executable(environment)
	if err != nil {
		return err
	}
	return execute(parent, file, args, environment)
}

// execute becomes the program: it is killed from now on when the thread that
// cloned this process ends. A parent that ended before is noticed by its end of
// the socket.
func execute(parent *os.File, file string, args, environment []string) error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return os.NewSyscallError("set parent-death signal", err)
	}
	if _, err := io.WriteString(parent, executing); err != nil {
		return err // EPIPE: there is no parent
	}
	err := syscall.Exec(file, args, environment)
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

// dropPrivileges makes the calling thread an ordinary user that has no
// capability after the next execve(2), and can get none.
func dropPrivileges() error {
	if err := agent.DropCapabilities(); err != nil {
		return err
	}
	user := agent.Unprivileged()
	if user == nil {
		return nil
	}
	uid, gid := int(user.Uid), int(user.Gid)
	err := errors.Join(unix.Setgroups(nil), unix.Setresgid(gid, gid, gid), unix.Setresuid(uid, uid, uid))
	return os.NewSyscallError("become an ordinary user", err)
}
