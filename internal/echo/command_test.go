package echo

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestHelp(t *testing.T) {
	for name, main := range map[string]program{"server": ServerMain, "client": ClientMain} {
		status, stdout, stderr := call(t, main, "--help")
		assert.Zero(t, status)
		assert.Empty(t, stderr)
		golden(t, name+".help", stdout)
	}
}

func TestWrongArguments(t *testing.T) {
	for args, c := range map[string]struct {
		main program
		want string
	}{
		"--nonsense":                    {ServerMain, "server: unknown flag: --nonsense"},
		"here":                          {ServerMain, `server: unexpected argument "here"`},
		"--max-connections -1":          {ServerMain, "server: --max-connections, --idle-timeout and --grace must not be negative"},
		"--grace -1s":                   {ServerMain, "server: --max-connections, --idle-timeout and --grace must not be negative"},
		"":                              {ClientMain, "client: give the server's address as HOST:PORT, and nothing else beside flags"},
		"a:1 b:2":                       {ClientMain, "client: give the server's address as HOST:PORT, and nothing else beside flags"},
		"somewhere":                     {ClientMain, `client: "somewhere" is no address: want HOST:PORT`},
		"a:1 --message=":                {ClientMain, "client: --message needs at least one byte: nothing cannot be sent over TCP"},
		"a:1 --count 2":                 {ClientMain, "client: --count and --interval need a --message"},
		"a:1 --interval 1s --hold":      {ClientMain, "client: --count and --interval need a --message"},
		"a:1 --message x --count 0":     {ClientMain, "client: --count must be at least 1: 0"},
		"a:1 --message x --hold -1s":    {ClientMain, `client: invalid argument "-1s" for "--hold" flag: must be more than zero`},
		"a:1 --retry -1s":               {ClientMain, "client: --retry and --timeout must not be negative"},
		"a:1 --source 127.0.0.1":        {ClientMain, "client: address 127.0.0.1: missing port in address"},
		"a:1 --message x --timeout -2m": {ClientMain, "client: --retry and --timeout must not be negative"},
	} {
		status, stdout, stderr := call(t, c.main, strings.Fields(args)...)
		assert.Equal(t, statusCannot, status, args)
		assert.Empty(t, stdout, args)
		assert.Equal(t, c.want+"\n", stderr, args)
	}
}

// Why a server could not begin is one sentence for people, and an event for the
// record.
func TestServerCannotListen(t *testing.T) {
	taken, err := listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	want := "listen on " + taken.Addr().String() + ": address already in use"
	status, stdout, stderr := call(t, ServerMain, "--address", taken.Addr().String())
	assert.Equal(t, statusCannot, status)
	assert.Empty(t, stdout)
	assert.Equal(t, "server: "+want+"\n", stderr)

	server := launch(t, ServerMain, nil, "--address", taken.Addr().String())
	status, stderr = server.ended(t)
	assert.Equal(t, statusCannot, status)
	assert.Equal(t, "server: "+want+"\n", stderr)
	assert.Equal(t, "failed", server.names())
	assert.Equal(t, want, server.events("")[0].Error)
}

func TestClientCommand(t *testing.T) {
	server := start(t)
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
		"hold only":    {[]string{server.address, "--hold=1ms"}, 0, Greeting, ""},
		"interactive":  {[]string{server.address}, 0, Greeting + prompt + "\n", ""},
		"wrong server": {[]string{wrong, "--message", "a"}, 1, "", `client: the greeting is wrong: "nonsense"` + "\n"},
		"nobody there": {[]string{nobody, "--retry", "0"}, 1, "", "client: connect to " + nobody + ": connection refused\n"},
		"still nobody": {[]string{"--retry", "80ms", nobody}, 1, "", ": connection refused\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := call(t, ClientMain, c.args...)
			assert.Equal(t, c.status, status)
			assert.Equal(t, c.stdout, stdout)
			assert.Contains(t, stderr, c.stderr)
			assert.Equal(t, min(c.status, 1), strings.Count(stderr, "\n"))
		})
	}
}

func TestServerCommandAsText(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stdout, stderr watched
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
	want := "Waiting for connections on " + address + "\nConnected to: " + conn.LocalAddr().String() + "\nConnections served: 1\n"
	require.Eventually(t, func() bool { return stdout.String() == want }, patience, time.Millisecond)
	cancel()
	assert.Equal(t, statusDone, <-status)
	assert.Equal(t, want+"Stopped, connections served: 1\n", stdout.String())
	assert.Empty(t, stderr.String())
}

// An account with lines missing must not pass for a whole one.
func TestCommandsTellWhenTheirOutputBreaks(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	status := ServerMain(done, []string{"--address", "127.0.0.1:0"}, nil, &watched{failAt: 1}, &stderr)
	assert.Equal(t, statusFailed, status)
	assert.Equal(t, "server: write events: disk full\n", stderr.String())

	stderr.Reset()
	status = ClientMain(t.Context(), []string{start(t).address, "--message", "hello"}, nil, &watched{failAt: 2}, &stderr)
	assert.Equal(t, statusFailed, status)
	assert.Equal(t, "client: write events: disk full\n", stderr.String())
}

// One of each event, as a server or a client has them.
func TestEventsAgainstGoldenFile(t *testing.T) {
	local, remote := netip.MustParseAddrPort("10.12.0.10:12000"), netip.MustParseAddrPort("[fd12::10]:40992")
	of := func(name string) evidence.ProgramEvent {
		return evidence.ProgramEvent{Event: name, Local: local, Remote: remote}
	}
	var out bytes.Buffer
	for i, e := range []evidence.ProgramEvent{
		{Event: evidence.EventListening, Local: local},
		of(evidence.EventAccepted),
		of(evidence.EventConnected),
		carrying(of(evidence.EventSent), []byte(Greeting)),
		carrying(of(evidence.EventReceived), []byte(Prefix+"안녕 <\"\x00\u2028>")),
		carrying(of(evidence.EventReceived), []byte(Prefix+"\xff")),
		of(evidence.EventHolding),
		because(evidence.ProgramEvent{Event: evidence.EventFailed}, io.ErrUnexpectedEOF),
		{Event: evidence.EventClosed, Local: local, Remote: remote, Served: 1},
		{Event: evidence.EventStopped, Local: local},
	} {
		e.Time = time.Date(2026, 11, 23, 4, 5, 6, 7000*i+890, time.UTC)
		out.Write(jsonLine(e))
	}
	golden(t, "events.jsonl", out.String())
}
