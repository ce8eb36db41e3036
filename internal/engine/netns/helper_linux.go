package netns

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
)

// HelperCommand is the hidden subcommand by which this command starts itself
// again to isolate a process: after it come a request, and the arguments that
// the process is to have then. Its environment and its user it has already.
const HelperCommand = "netns-helper"

// IsHelper tells whether this process was started as a helper.
func IsHelper() bool { return len(os.Args) > 2 && os.Args[1] == HelperCommand }

// A request says what a helper is to become.
type request struct {
	// Engine: execute this command in the PID namespace that the process is in,
	// with the privileges that it has. Otherwise the process is isolated, gives
	// up its privileges and executes its arguments, or, if there are none, ends:
	// it was to find out whether that can be done.
	Engine    bool `json:",omitempty"`
	Directory string
	Hostname  string
	Hosts     string // the file that becomes its /etc/hosts
}

const (
	// helperPipe is the descriptor of the pipe to the parent.
	helperPipe = 3
	// executing is what a helper says before it executes anything, or ends.
	// The pipe closes when it does. Anything else that it says is a sentence
	// that says why it could not.
	executing = "."
	// ownExecutable is this program, whatever became of its file.
	ownExecutable = "/proc/self/exe"
	// outerPID is the variable by which the engine in a PID namespace of its
	// own learns which process it is outside.
	outerPID = "FOURTUPLE_OUTER_PID"
)

// startHelper starts the command, whose path is this program's, as a helper.
// It is killed when the calling thread ends. Whether it became what is
// requested is told by executed.
func startHelper(cmd *exec.Cmd, r request, args []string) (*process, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	pipe, childs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer childs.Close()
	cmd.Args = append([]string{"lab", HelperCommand, string(text)}, args...)
	cmd.ExtraFiles = []*os.File{childs}
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, pipe.Close())
	}
	return &process{cmd: cmd, pipe: pipe, ended: make(chan struct{})}, nil
}

// executed returns when the helper has executed what was requested, or why it
// has not, which is its end.
func (p *process) executed() error {
	defer p.pipe.Close()
	said, err := io.ReadAll(p.pipe)
	reason, ok := strings.CutPrefix(string(said), executing)
	if ok && reason == "" && err == nil {
		return nil
	}
	<-p.ended
	if reason == "" {
		return errors.Join(errors.New("the new process ended at once"), err, p.err)
	}
	return errors.New(reason)
}

// Helper does what a helper is requested to do, and returns its exit status if
// it could not, or if there is nothing to execute.
func Helper() int {
	runtime.LockOSThread() // capabilities are a thread's own
	unix.CloseOnExec(helperPipe)
	parent := os.NewFile(helperPipe, "parent")
	var r request
	err := json.Unmarshal([]byte(os.Args[2]), &r)
	if err == nil {
		err = r.become(parent, os.Args[3:])
	}
	if err != nil {
		_, _ = io.WriteString(parent, err.Error())
		return 1
	}
	return 0
}

// become does what the request says. It returns when there is nothing to
// execute.
func (r request) become(parent *os.File, args []string) error {
	environment := os.Environ()
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
	if err := errors.Join(r.isolate(), agent.DropCapabilities()); err != nil {
		return err
	}
	if len(args) == 0 {
		_, err := io.WriteString(parent, executing)
		return err
	}
	if err := os.Chdir(r.Directory); err != nil {
		return err
	}
	// The program has descriptors 0 to 2 only, whatever this process inherited.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return os.NewSyscallError("close_range", err)
	}
	file, err := (&agent.Program{Args: args, Directory: r.Directory}).Executable(environment)
	if err != nil {
		return err
	}
	return execute(parent, file, args, environment)
}

// execute becomes the program. A parent that ended before its death could be
// noticed is noticed by its end of the pipe.
func execute(parent *os.File, file string, args, environment []string) error {
	if _, err := io.WriteString(parent, executing); err != nil {
		return err
	}
	err := syscall.Exec(file, args, environment)
	return &os.PathError{Op: "run", Path: strconv.Quote(file), Err: err}
}
