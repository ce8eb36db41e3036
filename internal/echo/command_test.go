package echo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// command is one of the two commands.
type command func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// call runs a command to its end.
func call(t *testing.T, main command, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errors bytes.Buffer
	status = main(t.Context(), args, strings.NewReader(""), &out, &errors)
	return status, out.String(), errors.String()
}

func TestHelp(t *testing.T) {
	for name, main := range map[string]command{"server": ServerMain, "client": ClientMain} {
		status, stdout, stderr := call(t, main, "--help")
		assert.Zero(t, status)
		assert.Empty(t, stderr)
		golden(t, name+".help", stdout)
		for line := range strings.Lines(stdout) {
			assert.LessOrEqual(t, len(line), 110, line)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for args, c := range map[string]struct {
		main command
		want string
	}{
		"--nonsense":                    {ServerMain, "server: unknown flag: --nonsense"},
		"here":                          {ServerMain, `server: unexpected argument "here"`},
		"--address 12000":               {ServerMain, `server: "12000" is no address: want HOST:PORT`},
		"--address :http":               {ServerMain, `server: ":http" is no address: its port is no number up to 65535`},
		"--max-connections -1":          {ServerMain, "server: --max-connections must not be negative: -1"},
		"--idle-timeout -1s":            {ServerMain, "server: --idle-timeout must not be negative: -1s"},
		"--grace -1s":                   {ServerMain, "server: --grace must not be negative: -1s"},
		"--write-timeout 0":             {ServerMain, "server: --write-timeout must be more than zero"},
		"":                              {ClientMain, "client: give the server's address as HOST:PORT, and nothing else beside flags"},
		"a:1 b:2":                       {ClientMain, "client: give the server's address as HOST:PORT, and nothing else beside flags"},
		"somewhere":                     {ClientMain, `client: "somewhere" is no address: want HOST:PORT`},
		"a:0":                           {ClientMain, `client: "a:0" is no address: its port is no number up to 65535`},
		"a:1 --message=":                {ClientMain, "client: --message needs at least one byte: nothing cannot be sent over TCP"},
		"a:1 --count 2":                 {ClientMain, "client: --count needs a --message"},
		"a:1 --interval 1s --hold 1s":   {ClientMain, "client: --interval needs a --message"},
		"a:1 --message x --count 0":     {ClientMain, "client: --count must be at least 1: 0"},
		"a:1 --message x --hold -1s":    {ClientMain, "client: --hold must not be negative: -1s"},
		"a:1 --retry -1s":               {ClientMain, "client: --retry must not be negative: -1s"},
		"a:1 --source localhost:12":     {ClientMain, `client: "localhost:12" is no source: want ADDRESS:PORT, with an IP address`},
		"a:1 --message x --timeout -2m": {ClientMain, "client: --timeout must not be negative: -2m0s"},
	} {
		status, stdout, stderr := call(t, c.main, strings.Fields(args)...)
		assert.Equal(t, statusUsage, status, args)
		assert.Empty(t, stdout, args)
		assert.Equal(t, c.want+"\n", stderr, args)
	}
	status, _, stderr := call(t, ServerMain, "--grace", "soon")
	assert.Equal(t, statusUsage, status)
	assert.Contains(t, stderr, "--grace")
	assert.Equal(t, 1, strings.Count(stderr, "\n"))
}

func TestServerCommandWhenThePortIsTaken(t *testing.T) {
	taken, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, args := range [][]string{{}, {"--json"}} {
		status, stdout, stderr := call(t, ServerMain, append(args, "--address", taken.Addr().String())...)
		assert.Equal(t, statusUsage, status)
		assert.Empty(t, stdout)
		assert.Equal(t, "server: listen on "+taken.Addr().String()+": another program already listens there\n", stderr)
	}
}

// launch runs the server command with JSON output; the status comes when it has been told to stop.
func launch(t *testing.T, args ...string) (events *json.Decoder, stop func() int, stderr *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, out := io.Pipe()
	stderr = &bytes.Buffer{}
	status := make(chan int, 1)
	args = append([]string{"--address", "127.0.0.1:0", "--json"}, args...)
	go func() {
		status <- ServerMain(ctx, args, nil, out, stderr)
		out.Close()
	}()
	t.Cleanup(cancel)
	return json.NewDecoder(stdout), func() int {
		cancel()
		io.Copy(io.Discard, stdout)
		return <-status
	}, stderr
}

func decode(t *testing.T, events *json.Decoder) (e Event) {
	t.Helper()
	require.NoError(t, events.Decode(&e))
	return e
}

func TestServerCommandAsJSON(t *testing.T) {
	events, stop, stderr := launch(t)
	listening := decode(t, events)
	assert.Equal(t, Listening, listening.Event)
	assert.WithinDuration(t, time.Now(), listening.Time, time.Hour)
	assert.Equal(t, time.UTC, listening.Time.Location())

	go func() {
		conn, err := net.Dial("tcp", listening.Local.String())
		if err == nil {
			expect(conn, Greeting)
			conn.Write([]byte("hello"))
			expect(conn, Prefix+"hello")
			conn.Close()
		}
	}()
	var names []string
	for range 5 {
		e := decode(t, events)
		names = append(names, e.Event)
		assert.Equal(t, listening.Local, e.Local)
		assert.True(t, e.Remote.IsValid())
	}
	assert.Equal(t, []string{Accepted, Sent, Received, Sent, Closed}, names)
	assert.Equal(t, statusDone, stop())
	assert.Empty(t, stderr.String())
}

func TestServerCommandAsText(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr synced
	status := make(chan int, 1)
	go func() {
		status <- ServerMain(ctx, []string{"--address", "127.0.0.1:0", "--grace", "0"}, nil, &stdout, &stderr)
	}()
	require.Eventually(t, func() bool { return strings.HasSuffix(stdout.String(), "\n") }, patience, time.Millisecond)
	address, ok := strings.CutPrefix(strings.TrimSpace(stdout.String()), "Waiting for connections on ")
	require.True(t, ok, stdout.String())

	conn := dial(t, address)
	hear(t, conn, Greeting)
	conn.Close()
	want := "Waiting for connections on " + address + "\nConnected to: " + local(conn).String() + "\nConnections served: 1\n"
	require.Eventually(t, func() bool { return stdout.String() == want }, patience, time.Millisecond)
	cancel()
	assert.Equal(t, statusDone, <-status)
	assert.Equal(t, want+"Stopped, connections served: 1\n", stdout.String())
	assert.Empty(t, stderr.String())
}

func TestServerCommandWhenItsOutputBreaks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	status := ServerMain(ctx, []string{"--address", "127.0.0.1:0"}, nil, &writes{failAt: 1}, &stderr)
	assert.Equal(t, statusFailed, status)
	assert.Equal(t, "server: write events: disk full\n", stderr.String())
}

func TestClientCommand(t *testing.T) {
	server := start(t, Server{})
	wrong := fake(t, func(conn *net.TCPConn) { io.WriteString(conn, "nonsense") })
	nobody := freeAddress(t)
	for name, c := range map[string]struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		"scripted": {
			[]string{server.address, "--message", "a", "--message", "b,c", "--count", "2", "--interval", "1ms"},
			0, Greeting + "fromServer: Server Says: a\nfromServer: Server Says: b,c\nfromServer: Server Says: a\nfromServer: Server Says: b,c\n", "",
		},
		"hold only":    {[]string{server.address, "--hold", "1ms"}, 0, Greeting, ""},
		"interactive":  {[]string{server.address}, 0, Greeting + prompt + "\n", ""},
		"wrong server": {[]string{wrong, "--message", "a"}, 1, "", `client: the greeting is wrong at byte 1: "nonsense"` + "\n"},
		"nobody there": {[]string{nobody, "--retry", "0"}, 1, "", "client: connect to " + nobody + ": "},
		"still nobody": {[]string{"--retry", "50ms", nobody}, 1, "", "tried for 50ms\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := call(t, ClientMain, c.args...)
			assert.Equal(t, c.status, status)
			assert.Equal(t, c.stdout, stdout)
			if c.stderr == "" {
				assert.Empty(t, stderr)
				return
			}
			assert.Contains(t, stderr, c.stderr)
			assert.Equal(t, 1, strings.Count(stderr, "\n"))
		})
	}
}

func TestClientCommandAsJSON(t *testing.T) {
	server := start(t, Server{})
	for _, args := range [][]string{{"--message", "hello", "--hold", "1ms"}, {}} {
		status, stdout, stderr := call(t, ClientMain, append(args, server.address, "--json")...)
		assert.Zero(t, status)
		assert.Empty(t, stderr)
		for line := range strings.Lines(stdout) {
			var e Event
			require.NoError(t, json.Unmarshal([]byte(line), &e), "no prompt among the events")
			assert.Equal(t, server.address, e.Remote.String())
		}
	}
	nobody := freeAddress(t)
	status, stdout, stderr := call(t, ClientMain, nobody, "--json", "--retry", "0")
	assert.Equal(t, statusFailed, status)
	var e Event
	require.NoError(t, json.Unmarshal([]byte(stdout), &e))
	assert.Equal(t, Failed, e.Event)
	assert.Equal(t, "client: "+e.Error+"\n", stderr)
}

func TestClientCommandWhenItsOutputBreaks(t *testing.T) {
	server := start(t, Server{})
	var stderr bytes.Buffer
	args := []string{server.address, "--message", "hello"}
	status := ClientMain(t.Context(), args, nil, &writes{failAt: 2}, &stderr)
	assert.Equal(t, statusFailed, status)
	assert.Equal(t, "client: write events: disk full\n", stderr.String())
}
