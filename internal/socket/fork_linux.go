package socket

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// asChild is the variable by which a process knows that it is a child; the first
// line of its input is then an inheritance.
const asChild = "FOURTUPLE_SOCKET_CHILD"

// An inheritance is what a child has of its parent, beside the descriptors.
type inheritance struct {
	Name    string            `json:"name"` // of the process, as in /proc/PID/comm
	Sockets []*socket         `json:"sockets"`
	Names   map[string]string `json:"names"` // to descriptors
}

// A child is a process that has been forked.
type child struct {
	pid int
	in  *os.File
	out *bufio.Reader
	// close closes the parent's ends of the pipes.
	close func() error
}

func (c call) fork() result {
	r := result{call: "fork", traced: "fork"}
	made, err := c.prompt.startChild()
	if err != nil {
		r.errno, r.value = errno(err), -1
		return r
	}
	c.prompt.children[c.line.name] = made
	r.value = int64(made.pid)
	return r
}

// startChild executes this program anew with the prompt's descriptors, each
// under its number. Its input and output are pipes to this process.
func (p *prompt) startChild() (*child, error) {
	var input, output [2]int
	if err := unix.Pipe2(input[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	if err := unix.Pipe2(output[:], unix.O_CLOEXEC); err != nil {
		return nil, errors.Join(err, unix.Close(input[0]), unix.Close(input[1]))
	}
	const none = ^uintptr(0)
	files := []uintptr{uintptr(input[0]), uintptr(output[1]), 2}
	for _, s := range p.sockets {
		for len(files) <= s.FD {
			files = append(files, none)
		}
		files[s.FD] = uintptr(s.FD)
	}
	pid, err := syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{Env: append(os.Environ(), asChild+"=1"), Files: files})
	// What is only the child's.
	closed := errors.Join(unix.Close(input[0]), unix.Close(output[1]))
	in, out := os.NewFile(uintptr(input[1]), "child"), os.NewFile(uintptr(output[0]), "child")
	made := &child{pid: pid, in: in, out: bufio.NewReader(out), close: func() error { return errors.Join(in.Close(), out.Close()) }}
	if err == nil {
		err = errors.Join(closed, made.write(p.inheritance()))
	}
	if err != nil {
		return nil, errors.Join(err, made.close())
	}
	return made, nil
}

func (c *child) write(v any) error { return writeLine(c.in, v) }

func (p *prompt) inheritance() inheritance {
	name, _ := os.ReadFile("/proc/self/comm") // only how it is listed
	i := inheritance{Name: strings.TrimSpace(string(name)), Sockets: p.sockets, Names: make(map[string]string)}
	for name, s := range p.names {
		i.Names[name] = strconv.Itoa(s.FD)
	}
	return i
}

// inherit makes the prompt of a child.
func (p *prompt) inherit() error {
	text, err := p.in.ReadBytes('\n')
	var i inheritance
	if err == nil {
		err = json.Unmarshal(text, &i)
	}
	if err != nil {
		return fmt.Errorf("be a child: %w", err)
	}
	p.pid, p.sockets = os.Getpid(), i.Sockets
	for _, s := range p.sockets {
		unix.CloseOnExec(s.FD)
		for name, fd := range i.Names {
			if fd == strconv.Itoa(s.FD) {
				p.names[name] = s
			}
		}
	}
	// A child of fork(2) is called as its parent; one that may not is, by its file.
	_ = os.WriteFile("/proc/self/comm", []byte(i.Name), 0)
	return nil
}

// pass gives a line to a child, and prints what that says until it has answered.
func (p *prompt) pass(l *line, typed string) error {
	failed := func(err error) error {
		return p.print(said{Event: evidence.ProgramEvent{Event: evidence.EventAnswer, PID: p.pid, Typed: typed, Error: err.Error()}})
	}
	c := p.children[l.child]
	if c == nil {
		return failed(noChild(l.child))
	}
	_, err := io.WriteString(c.in, l.rest+"\n")
	for err == nil {
		var text []byte
		var s said
		if text, err = c.out.ReadBytes('\n'); err != nil {
			break
		}
		if err = json.Unmarshal(text, &s); err != nil {
			break
		}
		answered := s.Event.Event == evidence.EventAnswer
		if answered {
			s.Event.Typed = typed
		} else if s.Text != "" {
			s.Text = fmt.Sprintf("[pid %d] %s", c.pid, s.Text)
		}
		var ended error
		if answered && s.Event.Call == "exit" {
			ended = p.bury(l.child)
		}
		if err := errors.Join(ended, p.print(s)); err != nil || answered {
			return err
		}
	}
	// It was ended by something else than its exit.
	return errors.Join(failed(fmt.Errorf("the child %s has ended", l.child)), p.bury(l.child))
}

// bury ends a child and waits for its end.
func (p *prompt) bury(name string) error {
	c := p.children[name]
	delete(p.children, name)
	err := c.close()
	for {
		_, waitErr := unix.Wait4(c.pid, nil, 0, nil)
		if !errors.Is(waitErr, unix.EINTR) {
			return errors.Join(err, waitErr)
		}
	}
}

// end ends all children.
func (p *prompt) end() (err error) {
	for name := range p.children {
		err = errors.Join(err, p.bury(name))
	}
	return err
}
