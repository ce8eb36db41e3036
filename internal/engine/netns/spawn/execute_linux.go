package spawn

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// execute becomes the program. It returns only if that cannot be.
func execute(r Request, links string) error {
	if err := arm(); err != nil {
		return err
	}
	if r.Kind == Program {
		if err := keepStandard(); err != nil {
			return err
		}
	}
	switch {
	case r.File != "" && links != "":
		return failed("run", r.File, syscall.Exec(links+"/"+r.As, r.Args, r.Environment))
	case r.File != "":
		return failed("run", r.File, syscall.Exec(r.File, r.Args, r.Environment))
	case strings.Contains(r.Args[0], "/"):
		return failed("run", r.Args[0], syscall.Exec(r.Args[0], r.Args, r.Environment))
	default:
		return search(r)
	}
}

// arm ties the process to its parent: it is killed when the thread that
// cloned it ends. A parent that ended before is noticed by its silence.
func arm() error {
	if err := prctl(syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL)); err != nil {
		return os.NewSyscallError("set parent-death signal", err)
	}
	write(string(Armed))
	return readFull(make([]byte, 1))
}

// keepStandard lets the program have descriptors 0 to 2 only, whatever this
// process inherited.
func keepStandard() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// search executes the first program of that name in PATH, as execvp(3) does.
func search(r Request) error {
	path := ""
	for _, v := range r.Environment {
		if value, ok := strings.CutPrefix(v, "PATH="); ok {
			path = value
		}
	}
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		err := syscall.Exec(dir+"/"+r.Args[0], r.Args, r.Environment)
		if err != syscall.ENOENT && err != syscall.ENOTDIR && err != syscall.EACCES {
			return failed("run", dir+"/"+r.Args[0], err)
		}
	}
	return errors.New("there is no program " + r.Args[0] + " that this user may run in " + path)
}
