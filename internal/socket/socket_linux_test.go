package socket

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// asSocket makes the test binary the prompt itself; its children have it, too.
const asSocket = "FOURTUPLE_TEST_AS_SOCKET"

func TestMain(m *testing.M) {
	if os.Getenv(asSocket) != "" {
		os.Exit(Main(context.Background(), nil, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// typist types lines to a prompt that is a process in a namespace.
type typist struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	prompt  evidence.ProgramEvent
}

func start(t *testing.T, ns *nettest.Namespace) *typist {
	t.Helper()
	p := &typist{command: ns.Command(os.Args[0])}
	p.command.Env = append(os.Environ(), asSocket+"=1")
	p.command.Stderr = t.Output()
	var err error
	p.in, err = p.command.StdinPipe()
	require.NoError(t, err)
	out, err := p.command.StdoutPipe()
	require.NoError(t, err)
	p.out = bufio.NewReader(out)
	require.NoError(t, p.command.Start())
	t.Cleanup(func() { assert.NoError(t, p.end()) })
	p.prompt = p.event(t)
	return p
}

// end ends the input, and waits for the end of the prompt.
func (p *typist) end() error {
	_ = p.in.Close()
	_, _ = io.Copy(io.Discard, p.out)
	return p.command.Wait()
}

// event is the next one, of a form that agents take.
func (p *typist) event(t *testing.T) (e evidence.ProgramEvent) {
	t.Helper()
	line, err := p.out.ReadBytes('\n')
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(line, &e))
	require.NoError(t, e.Check(), "%s", line)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	require.NoError(t, err)
	require.NoError(t, eventSchema(t).Validate(value), "%s", line)
	assert.False(t, e.Time.IsZero())
	return e
}

// eventSchema is the published one.
func eventSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../evidence/schema/event.schema.json")
	require.NoError(t, err)
	return schema
}

// types types a line, and returns its answer, and the calls that were made.
func (p *typist) types(t *testing.T, line string) (answer evidence.ProgramEvent, calls []evidence.ProgramEvent) {
	t.Helper()
	_, err := io.WriteString(p.in, line+"\n")
	require.NoError(t, err)
	for {
		e := p.event(t)
		if e.Event == evidence.EventAnswer {
			assert.Equal(t, line, e.Typed)
			return e, calls
		}
		require.Equal(t, evidence.EventCall, e.Event)
		calls = append(calls, e)
	}
}

// brief is what became of a line: the result, the errno, "waiting" or the error.
func brief(e evidence.ProgramEvent) string {
	switch {
	case e.Error != "":
		return "error: " + e.Error
	case e.Waiting:
		return "waiting"
	case e.Errno != "":
		return e.Errno
	case e.Call == "socket" || e.Call == "accept" || e.Call == "fork":
		return "ok" // its number is the kernel's choice
	case e.Bytes > 0:
		return fmt.Sprintf("%d %s", e.Result, e.Payload())
	}
	return fmt.Sprint(e.Result)
}

// Dialogues of two prompts, s and c, on one host, each with what the kernel
// answers. A dialogue is lines of "WHO LINE -> ANSWER".
func TestDialogues(t *testing.T) {
	for name, dialogue := range map[string]string{
		"three calls and an accept": `
			s s = socket tcp -> ok
			s bind s 127.0.0.1:12000 -> 0
			s listen s 2 -> 0
			s accept s within 50ms -> waiting
			c c = socket tcp -> ok
			c getpeername c -> ENOTCONN
			c bind c 127.0.0.1:26145 -> 0
			c connect c 127.0.0.1:12000 -> 0
			c connect c 127.0.0.1:12000 -> EISCONN
			s a = accept s -> ok
			s send a hello world -> 11 hello world
			c recv c 5 -> 5 hello
			c recv c -> 6  world
			c recv c within 50ms -> waiting
			s getpeername a -> 0
			s recv s -> ENOTCONN
			s send s x -> EPIPE`,
		"short forms": `
			s listen 12000 backlog 2 -> 0
			c connect localhost:12000 -> 0
			s accept -> ok
			c send "hi there" -> 8 hi there
			s recv -> 8 hi there
			c close -> 0
			c close -> error: there is no connection: name the socket, as in close s
			s recv -> 0`,
		"half-close": `
			s listen 127.0.0.1:12000 -> 0
			c c = connect 127.0.0.1:12000 -> 0
			s a = accept -> ok
			c send c ask -> 3 ask
			c shutdown c WR -> 0
			s recv a -> 3 ask
			s recv a -> 0
			s send a answer -> 6 answer
			c recv c -> 6 answer
			c send c more -> EPIPE`,
		"a reset": `
			s listen 127.0.0.1:12000 -> 0
			c c = connect 127.0.0.1:12000 -> 0
			s a = accept -> ok
			c setsockopt c linger 0 -> 0
			c close c -> 0
			s recv a -> ECONNRESET
			s recv a -> 0
			s send a x -> EPIPE`,
		"the same port twice": `
			s s = socket tcp -> ok
			s bind s 127.0.0.1:12000 -> 0
			c listen 127.0.0.1:12000 -> EADDRINUSE
			c listen 10.12.9.9:12000 -> EADDRNOTAVAIL`,
		"the same four-tuple": `
			s listen 127.0.0.1:12000 -> 0
			c a = socket tcp -> ok
			c setsockopt a reuseaddr on -> 0
			c bind a 127.0.0.1:26145 -> 0
			c connect a 127.0.0.1:12000 -> 0
			c b = socket tcp -> ok
			c bind b 127.0.0.1:26145 -> EADDRINUSE
			c setsockopt b reuseaddr on -> 0
			c bind b 127.0.0.1:26145 -> 0
			c connect b 127.0.0.1:12000 -> EADDRNOTAVAIL`,
		"nobody there": `
			c connect 127.0.0.1:12000 -> ECONNREFUSED
			c connect 10.12.9.9:12000 -> ENETUNREACH`,
		// A backlog of 1 lets two in. The third gets in at its next SYN.
		"a full backlog": `
			s listen 127.0.0.1:12000 backlog 1 -> 0
			c connect 127.0.0.1:12000 -> 0
			c connect 127.0.0.1:12000 -> 0
			c c = connect 127.0.0.1:12000 within 100ms -> waiting
			c connect c 127.0.0.1:12000 within 0s -> waiting
			s accept -> ok
			s accept -> ok
			c connect c 127.0.0.1:12000 within 20s -> 0
			c connect c 127.0.0.1:12000 -> EISCONN
			c getpeername c -> 0`,
		"udp": `
			s s = socket udp -> ok
			s bind s 127.0.0.1:12000 -> 0
			c c = socket udp -> ok
			c bind c 127.0.0.1:26145 -> 0
			c sendto c 127.0.0.1:12000 hello -> 5 hello
			s recvfrom s -> 5 hello
			s sendto s 127.0.0.1:26145 you too -> 7 you too
			c connect c 127.0.0.1:12000 -> 0
			c recv c -> 7 you too
			c send c again -> 5 again
			s recvfrom s 2 -> 2 ag
			s recvfrom s within 50ms -> waiting
			s close s -> 0
			c send c nobody -> 6 nobody
			c recv c -> ECONNREFUSED`,
		"dual stack": `
			s s = listen [::]:12000 -> 0
			c connect [::1]:12000 -> 0
			c connect 127.0.0.1:12000 -> 0
			c c = socket tcp6 -> ok
			c connect c [::ffff:127.0.0.1]:12000 -> 0
			c d = socket tcp6 -> ok
			c connect d localhost:12000 -> 0
			c listen 12000 -> EADDRINUSE
			c e = socket tcp -> ok
			c connect e [::1]:12000 -> EAFNOSUPPORT`,
		"IPv6 only": `
			s s = socket tcp6 -> ok
			s setsockopt s v6only on -> 0
			s bind s [::]:12000 -> 0
			s listen s -> 0
			c connect [::1]:12000 -> 0
			c connect 127.0.0.1:12000 -> ECONNREFUSED
			c listen 12000 -> 0`,
		"a fork shares what listens": `
			s s = listen 127.0.0.1:12000 -> 0
			s fork w -> ok
			s close s -> 0
			c connect 127.0.0.1:12000 -> 0
			s w: a = accept s -> ok
			s w: send a from the child -> 14 from the child
			c recv -> 14 from the child
			s accept -> error: no socket listens, so there is nothing to accept from: listen first
			s w: getsockname s -> 0
			s w: exit -> 0
			c connect 127.0.0.1:12000 -> ECONNREFUSED
			s w: close s -> error: there is no child w: fork w makes one
			s fork w -> ok`,
		"a connection ends with its last copy": `
			s listen 127.0.0.1:12000 -> 0
			c c = connect 127.0.0.1:12000 -> 0
			c fork w -> ok
			c w: fork v -> ok
			s a = accept -> ok
			c close c -> 0
			c w: close c -> 0
			s recv a within 50ms -> waiting
			c w: v: close c -> 0
			s recv a -> 0`,
		"mistakes": `
			s close x -> error: there is no socket x: none has been made
			s x = socket tcp -> ok
			s close y -> error: there is no socket "y"; there are x
			s send hello world -> error: there is no socket hello; a text of several words, for the last connection, is quoted: send "hello world"
			s connect x nowhere:80 -> error: there is no host nowhere in /etc/hosts
			s bind x [fe80::1%nowhere]:80 -> error: there is no interface nowhere
			s fork w -> ok
			s fork w -> error: there is a child w already
			s help -> 0`,
	} {
		t.Run(name, func(t *testing.T) {
			ns := nettest.New(t)
			prompts := map[string]*typist{"s": start(t, ns), "c": start(t, ns)}
			for line := range strings.Lines(strings.TrimSpace(dialogue)) {
				who, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
				typed, want, found := strings.Cut(rest, " -> ")
				require.True(t, found, line)
				answer, _ := prompts[who].types(t, typed)
				require.Equal(t, want, brief(answer), typed)
			}
		})
	}
}

// A short form prints each call; the first that fails is the last, and the
// answer.
func TestEveryCallIsPrinted(t *testing.T) {
	ns := nettest.New(t)
	p := start(t, ns)
	assert.Equal(t, evidence.EventPrompt, p.prompt.Event)
	_, err := io.WriteString(p.in, "\n \n") // which is not answered
	require.NoError(t, err)
	for _, c := range []struct{ typed, calls string }{
		{"s = listen 127.0.0.1:12000 backlog 2", "socket bind listen"},
		{"listen 127.0.0.1:12000", "socket bind"},
		{"c = connect 127.0.0.1:12000", "socket connect"},
		{"a = accept s", "accept"},
		{"lisen", ""},
		{"bind s nowhere:1", ""},
		{"exit", "exit"},
	} {
		answer, calls := p.types(t, c.typed)
		var names []string
		for _, call := range calls {
			names = append(names, call.Call)
		}
		assert.Equal(t, c.calls, strings.Join(names, " "), c.typed)
		if assert.Equal(t, c.calls == "", answer.Error != "", c.typed); len(calls) > 0 {
			last := calls[len(calls)-1]
			last.Header, last.Event, last.Typed = answer.Header, answer.Event, answer.Typed
			assert.Equal(t, last, answer)
		}
	}
}

func TestAnswersHaveBothEnds(t *testing.T) {
	ns := nettest.New(t)
	p := start(t, ns)
	const listener, client = "127.0.0.1:12000", "127.0.0.1:26145"
	for _, c := range []struct{ typed, local, remote, socket string }{
		{"s = socket tcp", "invalid AddrPort", "invalid AddrPort", "s"},
		{"bind s 127.0.0.1:0", "", "invalid AddrPort", "s"}, // the port is the kernel's choice
		{"close s", "", "invalid AddrPort", "s"},
		{"s = listen " + listener, listener, "invalid AddrPort", "s"},
		{"c = socket tcp", "invalid AddrPort", "invalid AddrPort", "c"},
		{"bind c " + client, client, "invalid AddrPort", "c"},
		{"connect c " + listener, client, listener, "c"},
		{"a = accept s", listener, client, "s"},
		{"getsockname a", listener, "invalid AddrPort", "a"},
		{"getpeername a", "invalid AddrPort", client, "a"},
		{"send a x", listener, client, "a"},
		{"recv c", client, listener, "c"},
		{"close a", listener, client, "a"},
		{"connect 127.0.0.1:1", "invalid AddrPort", "127.0.0.1:1", ""},
	} {
		answer, _ := p.types(t, c.typed)
		if c.local == "" {
			assert.NotZero(t, answer.Local.Port(), c.typed)
		} else {
			assert.Equal(t, c.local, answer.Local.String(), c.typed)
		}
		assert.Equal(t, c.remote, answer.Remote.String(), c.typed)
		if c.socket != "" {
			assert.Equal(t, c.socket, answer.Socket, c.typed)
		}
	}
}

// A reader that does not read: a part of much is sent, then nothing.
func TestSendWaitsForRoom(t *testing.T) {
	ns := nettest.New(t)
	p := start(t, ns)
	p.types(t, "listen 127.0.0.1:12000")
	p.types(t, "c = connect 127.0.0.1:12000")
	p.types(t, "a = accept")
	const much = 16 << 20
	answer, _ := p.types(t, fmt.Sprintf("send c %d bytes within 200ms", much))
	assert.Positive(t, answer.Result)
	assert.Less(t, answer.Result, int64(much))
	assert.EqualValues(t, answer.Result, answer.Bytes)
	assert.Empty(t, answer.Payload(), "much is told by its length only")
	assert.False(t, answer.Waiting)
	for !answer.Waiting { // buffers may grow, but not for ever
		require.Empty(t, answer.Errno)
		answer, _ = p.types(t, fmt.Sprintf("send c %d bytes within 50ms", much))
	}
	answer, _ = p.types(t, "recv a 16777216")
	assert.Positive(t, answer.Result)
}

func TestPayloadsThatAreNoText(t *testing.T) {
	ns := nettest.New(t)
	p := start(t, ns)
	p.types(t, "listen 127.0.0.1:12000")
	p.types(t, "c = connect 127.0.0.1:12000")
	p.types(t, "a = accept")
	answer, _ := p.types(t, `send c "\xff\x00"`)
	assert.Equal(t, []byte{0xff, 0}, answer.Base64)
	answer, _ = p.types(t, "recv a")
	assert.Equal(t, []byte{0xff, 0}, answer.Payload())
}

// Each option is set as the kernel has it, whatever it is called here.
func TestOptions(t *testing.T) {
	p := newPrompt(strings.NewReader(""), func(said) error { return nil })
	run := func(typed string) evidence.ProgramEvent {
		l, err := parse(typed)
		require.NoError(t, err)
		e, err := p.run(l)
		require.NoError(t, err)
		return e
	}
	defer func() {
		for len(p.sockets) > 0 {
			run(fmt.Sprintf("close %d", p.sockets[0].FD))
		}
	}()
	fd := map[string]int{"tcp": int(run("tcp = socket tcp").Result), "tcp6": int(run("tcp6 = socket tcp6").Result)}
	for _, c := range []struct {
		kind, line  string
		level, name int
		want        int
	}{
		{"tcp", "reuseaddr on", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{"tcp", "reuseport 1", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1},
		{"tcp", "keepalive on", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"tcp", "rcvbuf 10000", unix.SOL_SOCKET, unix.SO_RCVBUF, 20000}, // doubled (socket(7))
		{"tcp", "sndbuf 10000", unix.SOL_SOCKET, unix.SO_SNDBUF, 20000},
		{"tcp6", "v6only on", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
		{"tcp", "nodelay on", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{"tcp", "user_timeout 300", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 300},
		{"tcp", "keepidle 7", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 7},
		{"tcp", "keepintvl 8", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 8},
		{"tcp", "keepcnt 9", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
		{"tcp", "bind_address_no_port on", unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1},
		{"tcp", "local_port_range 50000-50009", unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, 50009<<16 | 50000},
	} {
		e := run("setsockopt " + c.kind + " " + c.line)
		require.Equal(t, "0", brief(e), c.line)
		got, err := unix.GetsockoptInt(fd[c.kind], c.level, c.name)
		require.NoError(t, err, c.line)
		assert.Equal(t, uint32(c.want), uint32(got), c.line)
	}
	require.Equal(t, "0", brief(run("setsockopt tcp linger 0")))
	for _, o := range options {
		assert.Contains(t, constants, o.constant)
		assert.Contains(t, constants, o.level)
	}
	for _, w := range words {
		assert.True(t, calls[w.name] != nil || w.name == "help", w.name)
	}
}

// A child that was killed is told of, and what it held is free.
func TestKilledChild(t *testing.T) {
	ns := nettest.New(t)
	p := start(t, ns)
	p.types(t, "s = listen 127.0.0.1:12000")
	forked, _ := p.types(t, "fork w")
	p.types(t, "close s")
	answer, calls := p.types(t, "w: getsockname s")
	assert.EqualValues(t, forked.Result, answer.PID)
	assert.EqualValues(t, forked.Result, calls[0].PID)
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", forked.Result))
	require.NoError(t, err)
	parents, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.command.Process.Pid))
	require.NoError(t, err)
	assert.Equal(t, string(parents), string(name))

	require.NoError(t, syscall.Kill(int(forked.Result), syscall.SIGKILL))
	answer, _ = p.types(t, "w: accept s")
	assert.Equal(t, "error: the child w has ended", brief(answer))
	answer, _ = p.types(t, "listen 127.0.0.1:12000")
	assert.Equal(t, "0", brief(answer))
}

// A child has its parent's descriptors and no others, also when a sibling was
// there before.
func TestChildrenHaveWhatTheyInherit(t *testing.T) {
	ns := nettest.New(t)
	p := start(t, ns)
	p.types(t, "s = listen 127.0.0.1:12000")
	p.types(t, "fork v")
	p.types(t, "t = socket udp")
	forked, _ := p.types(t, "fork w")
	p.types(t, "w: getsockname s") // it has begun
	sockets := func(pid int) (links []string) {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		require.NoError(t, err)
		for _, file := range files {
			if link, err := os.Readlink(file); err == nil && strings.HasPrefix(link, "socket:") {
				links = append(links, filepath.Base(file)+" "+link)
			}
		}
		slices.Sort(links)
		return links
	}
	assert.Len(t, sockets(int(forked.Result)), 2)
	assert.Equal(t, sockets(p.command.Process.Pid), sockets(int(forked.Result)))
}

// onTerminal types lines to a prompt on a terminal, and returns what that shows.
func onTerminal(t *testing.T, ns *nettest.Namespace, before, lines string) string {
	t.Helper()
	nettest.Tool(t, "script")
	command := ns.Command("script", "-qec", before+os.Args[0], "/dev/null")
	command.Env = append(os.Environ(), asSocket+"=1")
	command.Stdin = strings.NewReader(lines)
	output, err := command.Output()
	require.NoError(t, err)
	text := strings.ReplaceAll(string(output), "\r", "")
	_, text, found := strings.Cut(text, "help says") // before it is the echo of the input
	require.True(t, found, "%s", output)
	return "help says" + text
}

const session = `s = socket tcp
setsockopt s reuseaddr on
bind s 127.0.0.1:12000
listen s 2
accept s within 10ms
c = socket tcp
bind c 127.0.0.1:26145
setsockopt c linger 0
connect c 127.0.0.1:12000
a = accept
send c "hello\nworld\0001\x07 and so on, and on, and on"
recv a
recv a within 20ms
getsockname a
getpeername s
listen 127.0.0.1:12000
lisen
shutdown c WR
close c
t = socket tcp6
bind t [::1]:12001
connect t [::1]:1
u = socket udp
sendto u 127.0.0.1:12000 hi
recvfrom u
exit
`

// What people see, with descriptors in the order of their making.
func TestTerminal(t *testing.T) {
	got := onTerminal(t, nettest.New(t), "", session)
	descriptors := map[string]int{}
	number := func(text string) string {
		if _, ok := descriptors[text]; !ok {
			descriptors[text] = len(descriptors) + 3
		}
		return fmt.Sprint(descriptors[text])
	}
	for _, numbers := range []string{`(?m)^(> )?(socket|accept4)\(.*= \d+$`, `(?m)^(> )?(bind|listen|accept4|connect|setsockopt|shutdown|close|sendto|recvfrom|get\w+)\(\d+`} {
		got = regexp.MustCompile(numbers).ReplaceAllStringFunc(got, func(match string) string {
			i := strings.LastIndexAny(match, "( ") + 1
			return match[:i] + number(match[i:])
		})
	}
	file := filepath.Join("testdata", "terminal.txt")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// strace itself is the oracle of how calls look.
func TestAsStracePrintsIt(t *testing.T) {
	nettest.Tool(t, "strace")
	trace := filepath.Join(t.TempDir(), "trace")
	shown := onTerminal(t, nettest.New(t), "strace -f -qq -e trace=network,close -e signal=none -o "+trace+" ", session)
	traced, err := os.ReadFile(trace)
	require.NoError(t, err)
	real := regexp.MustCompile(`(?m)^\d+ +`).ReplaceAll(traced, nil)
	real = regexp.MustCompile(`\) += `).ReplaceAll(real, []byte(") = "))
	real = regexp.MustCompile(`\[112 => `).ReplaceAll(real, []byte("["))
	compared := map[string]bool{}
	for line := range strings.Lines(shown) {
		line = strings.TrimPrefix(line, "> ")
		name, _, isCall := strings.Cut(line, "(")
		// sendto is sendmsg, buffers that nothing came into are addresses, and
		// what waits is several calls.
		if !isCall || name == "sendto" || name == "exit" || strings.Contains(line, "...,") || strings.Contains(line, "(waiting") {
			continue
		}
		if name == "recvfrom" { // Go's wrapper always asks for the sender
			continue
		}
		at := bytes.Index(real, []byte(line))
		if assert.GreaterOrEqual(t, at, 0, "strace has not, or not then: %s", line) {
			real = real[at+len(line):]
			compared[name] = true
		}
	}
	for _, name := range []string{"socket", "bind", "listen", "accept4", "connect", "setsockopt", "getsockname", "shutdown", "close"} {
		assert.True(t, compared[name], name)
	}
}
