package socket

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/fourtuple/fourtuple/internal/topology"
)

const (
	// defaultWait is how long a call waits for its answer.
	defaultWait = time.Second
	// longestWait bounds what a line may ask for.
	longestWait = time.Hour
	// defaultBacklog is the kernel's own limit (listen(2)).
	defaultBacklog = 4096
	// defaultSize is how many bytes recv takes at most; largest is the most that
	// one line can send or receive.
	defaultSize = 4096
	largest     = 16 << 20
)

// A line is what was typed, taken apart. What it names may not be there.
type line struct {
	child string // the child it is for, and then only rest
	rest  string

	name   string // what the new socket is to be called
	call   string
	socket string // which socket; empty for the last one that fits
	short  bool   // the call and those that it needs before it
	within time.Duration

	kind    string // of socket: tcp, udp, tcp6, udp6
	address address
	backlog int
	data    []byte
	size    int
	how     string // of shutdown: RD, WR, RDWR
	option  option
	value   []int
}

// An address is a host, by name or number, and a port.
type address struct {
	host string
	ip   netip.Addr // not valid where host is a name
	port uint16
}

// A word is a call that can be typed, and how the rest of its line is read.
type word struct {
	name  string
	makes bool // it makes a socket, which may have a name
	waits bool // it may wait for its answer
	usage string
	parse func(l *line, args []string, rest string) error
}

// words are all there are. To add one, name it here, and in calls.
var words = []word{
	{name: "socket", makes: true, usage: "socket tcp|udp|tcp6|udp6", parse: parseSocket},
	{name: "bind", usage: "bind SOCKET ADDRESS:PORT", parse: parseBind},
	{name: "listen", makes: true, usage: "listen SOCKET [BACKLOG], or listen PORT|ADDRESS:PORT [backlog N]", parse: parseListen},
	{name: "accept", makes: true, waits: true, usage: "accept [SOCKET]", parse: parseOptionalSocket},
	{name: "connect", makes: true, waits: true, usage: "connect [SOCKET] ADDRESS:PORT", parse: parseConnect},
	{name: "send", waits: true, usage: "send [SOCKET] TEXT, or send [SOCKET] N bytes", parse: parseSend},
	{name: "recv", waits: true, usage: "recv [SOCKET [BYTES]]", parse: parseRecv},
	{name: "sendto", waits: true, usage: "sendto SOCKET ADDRESS:PORT TEXT", parse: parseSendTo},
	{name: "recvfrom", waits: true, usage: "recvfrom SOCKET [BYTES]", parse: parseRecvFrom},
	{name: "shutdown", usage: "shutdown [SOCKET] RD|WR|RDWR", parse: parseShutdown},
	{name: "close", usage: "close [SOCKET]", parse: parseOptionalSocket},
	{name: "setsockopt", usage: "setsockopt SOCKET OPTION VALUE", parse: parseSetsockopt},
	{name: "getsockname", usage: "getsockname [SOCKET]", parse: parseOptionalSocket},
	{name: "getpeername", usage: "getpeername [SOCKET]", parse: parseOptionalSocket},
	{name: "fork", usage: "fork NAME", parse: parseFork},
	{name: "exit", usage: "exit", parse: parseNothing},
	{name: "help", usage: "help", parse: parseNothing},
}

// parse takes a line apart. With an error, the line has what could be read of it.
func parse(typed string) (*line, error) {
	rest := strings.TrimSpace(typed)
	first, after := cut(rest)
	if first == "" {
		return &line{}, errors.New("an empty line is no call")
	}
	if child, ok := strings.CutSuffix(first, ":"); ok && isName(child) && after != "" {
		return &line{child: child, rest: after}, nil
	}
	l := &line{within: defaultWait}
	if before, made, ok := strings.Cut(rest, "="); ok && !isCall(first) {
		if name, more := cut(before); more == "" {
			if l.name = name; !isName(l.name) {
				return l, fmt.Errorf("%q is no name for a socket: letters, digits and _, a letter first", l.name)
			}
			first, after = cut(made)
		}
	}
	i := slices.IndexFunc(words, func(w word) bool { return w.name == first })
	if i < 0 {
		return l, unknown("call", first, names(words, func(w word) string { return w.name }))
	}
	w := words[i]
	if l.call = w.name; l.name != "" && !w.makes {
		return l, fmt.Errorf("%s makes no socket that %s could be the name of", l.call, l.name)
	}
	after, err := l.takeWithin(after, w.waits)
	if err == nil {
		err = w.parse(l, strings.Fields(after), after)
	}
	if errors.Is(err, errUsage) {
		return l, fmt.Errorf("%q: write %s", strings.TrimSpace(typed), w.usage)
	}
	return l, err
}

func isCall(text string) bool {
	return slices.ContainsFunc(words, func(w word) bool { return w.name == text })
}

// errUsage says that a call is given too much or too little.
var errUsage = errors.New("wrong arguments")

// takeWithin takes "within DURATION" from the end of a line. Of a call that does
// not wait, they would be ignored, so they are refused.
func (l *line) takeWithin(rest string, waits bool) (string, error) {
	fields := strings.Fields(rest)
	if len(fields) < 2 || fields[len(fields)-2] != "within" || strings.HasSuffix(rest, `"`) {
		return rest, nil
	}
	if !waits {
		return "", fmt.Errorf("%s does not wait, so there is nothing to be within", l.call)
	}
	text := fields[len(fields)-1]
	within, err := time.ParseDuration(text)
	if err != nil || within < 0 || within > longestWait {
		return "", fmt.Errorf("within %s: want a time of at most an hour, as 300ms or 2s", text)
	}
	l.within = within
	rest = strings.TrimSpace(strings.TrimSuffix(rest, text))
	return strings.TrimSpace(strings.TrimSuffix(rest, "within")), nil
}

// kinds are the sockets that there are.
var kinds = []string{"tcp", "udp", "tcp6", "udp6"}

func parseSocket(l *line, args []string, _ string) error {
	if len(args) != 1 {
		return errUsage
	}
	if l.kind = args[0]; !slices.Contains(kinds, l.kind) {
		return unknown("socket", l.kind, kinds)
	}
	return nil
}

func parseBind(l *line, args []string, _ string) (err error) {
	if len(args) != 2 {
		return errUsage
	}
	l.socket = args[0]
	l.address, err = parseAddress(args[1])
	return err
}

// parseListen tells by its first word whether the short form is meant: an
// address has a colon, and a lone number is a port.
func parseListen(l *line, args []string, _ string) (err error) {
	if len(args) == 0 || len(args) > 3 {
		return errUsage
	}
	l.backlog, l.socket = defaultBacklog, args[0]
	_, noPort := parsePort(args[0])
	if errors.Is(noPort, strconv.ErrRange) {
		return fmt.Errorf("%s is no port: the last one is 65535", args[0])
	}
	backlog := args[1:]
	if strings.Contains(args[0], ":") || noPort == nil && (len(args) == 1 || args[1] == "backlog") {
		l.short, l.socket = true, ""
		text := args[0]
		if noPort == nil {
			text = "0.0.0.0:" + text
		}
		if l.address, err = parseAddress(text); err != nil {
			return err
		}
		l.kind = l.address.kind()
	}
	if len(backlog) == 2 && backlog[0] == "backlog" {
		backlog = backlog[1:]
	}
	if len(backlog) > 1 || !l.short && l.name != "" {
		return errUsage
	}
	if len(backlog) == 1 {
		l.backlog, err = parseNumber("backlog", backlog[0], 1<<31-1)
	}
	return err
}

func parseConnect(l *line, args []string, _ string) (err error) {
	switch {
	case len(args) == 1:
		l.short = true
	case len(args) == 2 && l.name == "":
		l.socket = args[0]
	default:
		return errUsage
	}
	l.address, err = parseAddress(args[len(args)-1])
	l.kind = l.address.kind()
	return err
}

func parseOptionalSocket(l *line, args []string, _ string) error {
	if len(args) > 1 {
		return errUsage
	}
	l.socket = strings.Join(args, "")
	return nil
}

// parseSend leaves open whether the first of several words is a socket: that
// depends on which there are. See prompt.send.
func parseSend(l *line, _ []string, rest string) (err error) {
	if rest == "" {
		return errUsage
	}
	first, text := cut(rest)
	_, noNumber := strconv.ParseUint(first, 10, 64)
	if !strings.HasPrefix(first, `"`) && text != "" && (text != "bytes" || noNumber != nil) {
		l.socket, rest = first, text
	}
	l.data, err = parseData(rest)
	return err
}

func parseRecv(l *line, args []string, rest string) error {
	if l.size = defaultSize; len(args) == 0 {
		return nil
	}
	return parseRecvFrom(l, args, rest)
}

func parseRecvFrom(l *line, args []string, _ string) (err error) {
	l.size = defaultSize
	if len(args) == 0 || len(args) > 2 {
		return errUsage
	}
	if l.socket = args[0]; len(args) == 2 {
		l.size, err = parseNumber("number of bytes", args[1], largest)
	}
	return err
}

func parseSendTo(l *line, args []string, rest string) (err error) {
	if len(args) < 3 {
		return errUsage
	}
	var to string
	l.socket, rest = cut(rest)
	to, rest = cut(rest)
	if l.address, err = parseAddress(to); err != nil {
		return err
	}
	l.data, err = parseData(rest)
	return err
}

func parseShutdown(l *line, args []string, _ string) error {
	if len(args) == 0 || len(args) > 2 {
		return errUsage
	}
	l.socket = strings.Join(args[:len(args)-1], "")
	l.how = strings.TrimPrefix(args[len(args)-1], "SHUT_")
	if ways := []string{"RD", "WR", "RDWR"}; !slices.Contains(ways, l.how) {
		return unknown("direction", l.how, ways)
	}
	return nil
}

func parseSetsockopt(l *line, args []string, _ string) (err error) {
	if len(args) != 3 {
		return errUsage
	}
	l.socket = args[0]
	i := slices.IndexFunc(options, func(o option) bool { return o.name == strings.ToLower(args[1]) })
	if i < 0 {
		return unknown("option", args[1], names(options, func(o option) string { return o.name }))
	}
	l.option = options[i]
	if l.value, err = l.option.parse(args[2]); err != nil {
		return fmt.Errorf("setsockopt %s %s: want %w", l.option.name, args[2], err)
	}
	return nil
}

func parseFork(l *line, args []string, _ string) error {
	if len(args) != 1 {
		return errUsage
	}
	if l.name = args[0]; !isName(l.name) {
		return fmt.Errorf("%q is no name for a child: letters, digits and _, a letter first", l.name)
	}
	return nil
}

func parseNothing(_ *line, args []string, _ string) error {
	if len(args) > 0 {
		return errUsage
	}
	return nil
}

// cut takes the first word off a text.
func cut(text string) (first, rest string) {
	text = strings.TrimSpace(text)
	if i := strings.IndexFunc(text, unicode.IsSpace); i >= 0 {
		return text[:i], strings.TrimSpace(text[i:])
	}
	return text, ""
}

// isName tells names from descriptors, addresses and texts.
func isName(text string) bool {
	for i, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return text != ""
}

// parseData reads what is to be sent: quoted as in Go, so many bytes, or as it
// stands.
func parseData(text string) ([]byte, error) {
	if strings.HasPrefix(text, `"`) {
		unquoted, err := strconv.Unquote(text)
		if err != nil {
			return nil, fmt.Errorf(`%s is not quoted as in "a text\r\n"`, text)
		}
		return []byte(unquoted), nil
	}
	number, unit := cut(text)
	if _, err := strconv.ParseUint(number, 10, 64); err != nil || unit != "bytes" {
		return []byte(text), nil
	}
	n, err := parseNumber("number of bytes", number, largest)
	return []byte(strings.Repeat("x", n)), err
}

func parseNumber(what, text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%q is no %s: want 0 to %d", text, what, most)
	}
	return n, nil
}

func parsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	return uint16(port), err
}

func parseAddress(text string) (address, error) {
	i := strings.LastIndexByte(text, ':')
	host, port := text[:max(i, 0)], text[i+1:]
	number, err := parsePort(port)
	if i < 0 || err != nil || host == "" {
		return address{}, fmt.Errorf("%q is no address: want ADDRESS:PORT, as 10.12.0.10:12000, [fd12::10]:12000 or server:12000", text)
	}
	a := address{host: host, port: number}
	inner, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		inner, bracketed = strings.CutSuffix(inner, "]")
	}
	a.ip, err = netip.ParseAddr(inner)
	switch {
	case bracketed && (err != nil || !a.ip.Is6()), !bracketed && strings.ContainsAny(host, "[]"):
		return address{}, fmt.Errorf("%q is no IPv6 address in brackets, as [fd12::10]:12000", text)
	case !bracketed && strings.Contains(host, ":"):
		return address{}, fmt.Errorf("%q: an IPv6 address stands in brackets, as [fd12::10]:12000", text)
	case err != nil && strings.Trim(host, "0123456789.") == "":
		return address{}, fmt.Errorf("%q is no IPv4 address", host)
	}
	return a, nil
}

// kind is the TCP socket that fits an address; a name has IPv4's.
func (a address) kind() string {
	if a.ip.Is6() {
		return "tcp6"
	}
	return "tcp"
}

// names are the names of what can be chosen from.
func names[T any](of []T, name func(T) string) []string {
	all := make([]string, len(of))
	for i, one := range of {
		all[i] = name(one)
	}
	return all
}

// unknown is the error of a word that there is not, with the nearest of those
// that there are, or all of them.
func unknown(what, text string, there []string) error {
	if near := topology.Nearest(text, there); near != "" {
		return fmt.Errorf("there is no %s %q; do you mean %s?", what, text, near)
	}
	return fmt.Errorf("there is no %s %q; there are %s", what, text, strings.Join(there, ", "))
}
