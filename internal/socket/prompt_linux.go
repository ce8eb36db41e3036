package socket

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// longestPayload bounds what an event has of a payload: agents cut lines of
// 64 KiB into pieces, and JSON may need six characters for one byte.
const longestPayload = 4096

// A prompt is one process that takes lines.
type prompt struct {
	in    *bufio.Reader
	print printer
	// pid is the process, where it is a child, else 0.
	pid int
	// sockets are those that are open, in the order of their making; names are
	// those that lines have given.
	sockets  []*socket
	names    map[string]*socket
	children map[string]*child
}

// A socket is an open one.
type socket struct {
	FD   int    `json:"fd"`
	Kind string `json:"kind"`
	// Listens and Connects are what it was told to do, by a call that worked; a
	// connect may still be waiting.
	Listens  bool `json:"listens,omitempty"`
	Connects bool `json:"connects,omitempty"`
}

// serve takes lines until the input ends, or exit is typed.
func serve(stdin io.Reader, stdout io.Writer) error {
	p := newPrompt(stdin, asJSON(stdout))
	if isTerminal(stdout) {
		p.print = forPeople(stdout)
	}
	var err error
	if os.Getenv(asChild) != "" {
		p.print = forParent(stdout)
		err = p.inherit()
	} else {
		err = p.print(said{Event: evidence.ProgramEvent{Event: evidence.EventPrompt}})
	}
	for done := false; err == nil && !done; {
		done, err = p.take()
	}
	return errors.Join(err, p.end())
}

func newPrompt(stdin io.Reader, print printer) *prompt {
	return &prompt{in: bufio.NewReader(stdin), print: print, names: make(map[string]*socket), children: make(map[string]*child)}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// take takes one line, and tells whether it was the last.
func (p *prompt) take() (done bool, err error) {
	typed, err := p.in.ReadString('\n')
	if errors.Is(err, io.EOF) && typed == "" {
		return true, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return true, fmt.Errorf("read lines: %w", err)
	}
	if typed = strings.TrimRight(typed, "\r\n"); strings.TrimSpace(typed) == "" {
		return false, p.print(said{}) // nothing was asked
	}
	l, err := parse(typed)
	if err == nil && l.child != "" {
		return false, p.pass(l, typed)
	}
	answer := said{}
	if err == nil {
		answer.Event, err = p.run(l)
	}
	var gone *outputError
	if errors.As(err, &gone) {
		return true, err
	}
	if err != nil {
		answer.Event = evidence.ProgramEvent{Error: err.Error()}
	} else if l.call == "help" {
		answer.Text = Help
	}
	answer.Event.Event, answer.Event.Typed, answer.Event.PID = evidence.EventAnswer, typed, p.pid
	return l != nil && l.call == "exit" && err == nil, p.print(answer)
}

// An outputError is why what a call answered could not be printed.
type outputError struct{ error }

// run makes the calls of a line until one fails, and returns the last of them.
// An error means that the line is none that can be run, and that no call was
// made.
func (p *prompt) run(l *line) (evidence.ProgramEvent, error) {
	if l.call == "help" {
		return evidence.ProgramEvent{}, nil
	}
	planned, err := p.plan(l)
	if err != nil {
		return evidence.ProgramEvent{}, err
	}
	var last result
	for _, next := range planned {
		last = next()
		if err := p.print(said{Event: p.event(&last), Text: last.pretty()}); err != nil {
			return evidence.ProgramEvent{}, &outputError{err}
		}
		if last.errno != 0 || last.waiting {
			break
		}
	}
	return p.event(&last), nil
}

// event is what a call answered, as an event.
func (p *prompt) event(r *result) evidence.ProgramEvent {
	e := evidence.ProgramEvent{Event: evidence.EventCall, PID: p.pid, Local: r.local, Remote: r.remote, Answer: evidence.Answer{
		Call: r.call, Socket: r.socket, FD: r.fd, Result: r.value, Waiting: r.waiting,
	}}
	if r.errno != 0 {
		e.Result, e.Errno = -1, unix.ErrnoName(r.errno)
	}
	if e.Bytes = len(r.payload); e.Bytes > longestPayload {
		return e
	}
	if text := string(r.payload); utf8.ValidString(text) {
		e.Text = text
	} else {
		e.Base64 = r.payload
	}
	return e
}

// plan finds what a line names, and says which calls it makes.
func (p *prompt) plan(l *line) ([]func() result, error) {
	var s *socket
	var to unix.Sockaddr
	var err error
	switch {
	case l.call == "fork" && p.children[l.name] != nil:
		return nil, fmt.Errorf("there is a child %s already", l.name)
	case l.call == "socket" || l.call == "fork" || l.call == "exit" || l.short:
	default:
		if s, err = p.find(l); err != nil {
			return nil, err
		}
	}
	if l.address != (address{}) {
		kind := l.kind
		if s != nil {
			kind = s.Kind
		}
		if to, err = l.address.resolve(kind); err != nil {
			return nil, err
		}
	}
	c := call{prompt: p, line: l, socket: s, to: to}
	if !l.short {
		return []func() result{func() result { return calls[l.call](c) }}, nil
	}
	opened := func() result { return c.open() }
	with := func(make func(call) result) func() result {
		return func() result {
			c.socket = p.sockets[len(p.sockets)-1] // the one that was opened
			return make(c)
		}
	}
	if l.call == "listen" {
		return []func() result{opened, with(call.bind), with(call.listen)}, nil
	}
	return []func() result{opened, with(call.connect)}, nil
}

// find finds the socket that a line is about.
func (p *prompt) find(l *line) (*socket, error) {
	if l.socket == "" {
		return p.last(l.call)
	}
	if s := p.names[l.socket]; s != nil {
		return s, nil
	}
	for _, s := range p.sockets {
		if strconv.Itoa(s.FD) == l.socket {
			return s, nil
		}
	}
	return nil, noSocket(l, names(p.sockets, p.name))
}

// last is the socket that a call without one is about: the last listener or the
// last connection that is open.
func (p *prompt) last(call string) (*socket, error) {
	for _, s := range slices.Backward(p.sockets) {
		if call == "accept" && s.Listens || call != "accept" && s.Connects {
			return s, nil
		}
	}
	if call == "accept" {
		return nil, errors.New("no socket listens, so there is nothing to accept from: listen first")
	}
	return nil, fmt.Errorf("there is no connection: name the socket, as in %s s", call)
}

// name is the name of a socket, its descriptor if it has none.
func (p *prompt) name(s *socket) string {
	best := ""
	for name, named := range p.names {
		if named == s && (best == "" || name < best) {
			best = name
		}
	}
	if best == "" {
		return strconv.Itoa(s.FD)
	}
	return best
}

// add notes a new socket.
func (p *prompt) add(s *socket, name string) {
	p.sockets = append(p.sockets, s)
	if name != "" {
		p.names[name] = s
	}
}

// remove forgets a socket that is closed.
func (p *prompt) remove(s *socket) {
	p.sockets = slices.DeleteFunc(p.sockets, func(other *socket) bool { return other == s })
	for name, named := range p.names {
		if named == s {
			delete(p.names, name)
		}
	}
}

// hostsFile has the names that addresses may be given by (hosts(5)). No name
// server is asked: that would be traffic.
var hostsFile = "/etc/hosts"

// resolve makes the address one for a socket of a kind. An address in numbers is
// given to the kernel as it stands, also one of the other family.
func (a address) resolve(kind string) (unix.Sockaddr, error) {
	ip, wants6 := a.ip, strings.HasSuffix(kind, "6")
	if !ip.IsValid() {
		var err error
		if ip, err = lookUp(a.host, wants6); err != nil {
			return nil, err
		}
	}
	if ip.Is4() {
		return &unix.SockaddrInet4{Addr: ip.As4(), Port: int(a.port)}, nil
	}
	to := &unix.SockaddrInet6{Addr: ip.As16(), Port: int(a.port)}
	if ip.Zone() != "" {
		index, err := interfaceIndex(ip.Zone())
		if err != nil {
			return nil, err
		}
		to.ZoneId = index
	}
	return to, nil
}

// lookUp finds an address of a name. To an IPv6 socket, a host that has an IPv4
// address only is its mapped one (ipv6(7)).
func lookUp(name string, wants6 bool) (netip.Addr, error) {
	text, err := os.ReadFile(hostsFile)
	if err != nil {
		return netip.Addr{}, err
	}
	var four, six netip.Addr
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.ContainsFunc(fields[1:], func(n string) bool { return strings.EqualFold(n, name) }) {
			continue
		}
		ip, err := netip.ParseAddr(fields[0])
		switch {
		case err != nil:
		case ip.Is4() && !four.IsValid():
			four = ip
		case ip.Is6() && !six.IsValid():
			six = ip
		}
	}
	switch {
	case wants6 && six.IsValid():
		return six, nil
	case wants6 && four.IsValid():
		return netip.AddrFrom16(four.As16()), nil
	case !wants6 && four.IsValid():
		return four, nil
	case !wants6 && six.IsValid():
		return netip.Addr{}, fmt.Errorf("%s has no IPv4 address in %s, only %s, which a tcp6 or udp6 socket can use", name, hostsFile, six)
	}
	return netip.Addr{}, fmt.Errorf("there is no host %s in %s", name, hostsFile)
}

func interfaceIndex(zone string) (uint32, error) {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	text, err := os.ReadFile("/sys/class/net/" + zone + "/ifindex")
	if err != nil {
		return 0, fmt.Errorf("there is no interface %s", zone)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	return uint32(n), err
}
