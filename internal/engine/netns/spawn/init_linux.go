package spawn

import (
	"os"
	"strconv"
	"syscall"
)

// parent is the descriptor of the socket to the parent.
const parent = 3

// init turns a process that was started for it into what it is to become. It
// runs on the process's first thread, as every init does.
func init() {
	if len(os.Args) != 1 || os.Args[0] != Name {
		return
	}
	syscall.CloseOnExec(parent)
	if err := become(); err != nil {
		write(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

// become reads the request and does what it says. It returns when there is
// nothing to execute.
func become() error {
	r, err := receive()
	if err != nil {
		return err
	}
	if r.Kind == Engine {
		if err := mountProc(); err != nil {
			return err
		}
		return execute(r, "")
	}
	links, err := isolate(r)
	if err != nil {
		return err
	}
	if err := drop(r.User); err != nil {
		return err
	}
	if r.Kind == Probe {
		return arm()
	}
	if err := os.Chdir(r.Directory); err != nil {
		return err
	}
	return execute(r, links)
}

// receive reads the request.
func receive() (Request, error) {
	length := 0
	for {
		var b [1]byte
		if err := readFull(b[:]); err != nil {
			return Request{}, err
		}
		if b[0] == '\n' {
			break
		}
		if b[0] < '0' || b[0] > '9' || length > 1<<24 {
			return Request{}, errRequest
		}
		length = length*10 + int(b[0]-'0')
	}
	text := make([]byte, length)
	if err := readFull(text); err != nil {
		return Request{}, err
	}
	return Decode(text)
}

// readFull fills b. A parent that is gone is an error.
func readFull(b []byte) error {
	for len(b) > 0 {
		n, err := syscall.Read(parent, b)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return os.NewSyscallError("read from the engine", err)
		case n == 0:
			return syscall.EPIPE
		default:
			b = b[n:]
		}
	}
	return nil
}

// write tells the parent; there is nobody to tell if that goes wrong.
func write(s string) {
	for b := []byte(s); len(b) > 0; {
		n, err := syscall.Write(parent, b)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return
		}
		b = b[n:]
	}
}

// failed says what could not be done to what.
func failed(what, where string, err error) error {
	return &os.PathError{Op: what, Path: where, Err: err}
}

// descriptor is the path of one of this process's descriptors.
func descriptor(fd int, rest string) string {
	return "/proc/self/fd/" + strconv.Itoa(fd) + rest
}
