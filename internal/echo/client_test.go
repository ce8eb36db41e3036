package echo

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestClientTalksToServer(t *testing.T) {
	server := start(t)
	messages := []string{"hello", "a", Prefix, Prefix + "S", "안녕", "\xff", strings.Repeat("S", ChunkSize+1), strings.Repeat("0123456789", 100_000)}
	args := []string{server.address, "--count", "2"}
	for _, message := range messages {
		args = append(args, "--message", message)
	}
	client := launch(t, ClientMain, nil, args...)
	status, stderr := client.ended(t)
	require.Zero(t, status, stderr)
	assert.Equal(t, "connected received"+strings.Repeat(" sent received", 16)+" closed", client.names())
	for i, sent := range client.events(evidence.EventSent) {
		assert.Equal(t, messages[i%8], string(sent.Payload()))
	}
	received := client.events(evidence.EventReceived)
	assert.Equal(t, Greeting, received[0].Text)
	assert.Equal(t, Prefix+"hello", received[1].Text)
	assert.Equal(t, len(Prefix)+5, received[1].Bytes)
	connected := client.events(evidence.EventConnected)[0]
	assert.Equal(t, server.address, connected.Remote.String())
	assert.Equal(t, connected.Local, server.wait(t, evidence.EventAccepted, 1).Remote)
	assert.Empty(t, server.wait(t, evidence.EventClosed, 1).Error, "FIN and not RST")
}

// The fakes of this test misbehave in ways that TCP allows, and the client must
// not mind.
func TestClientToleratesAwkwardServers(t *testing.T) {
	dribble := func(conn net.Conn, text string, size int) {
		for len(text) > 0 {
			n := min(size, len(text))
			io.WriteString(conn, text[:n])
			text = text[n:]
			time.Sleep(time.Millisecond) // so that the client reads between: nothing depends on it
		}
	}
	for name, serve := range map[string]func(conn *net.TCPConn){
		"byte by byte": func(conn *net.TCPConn) {
			dribble(conn, Greeting, 1)
			dribble(conn, Prefix+await(conn, 5), 1)
		},
		"message cut in chunks": func(conn *net.TCPConn) {
			io.WriteString(conn, Greeting)
			message := await(conn, 5)
			io.WriteString(conn, answer(message[:1], message[1:3], message[3:]))
		},
		"never closes": func(conn *net.TCPConn) {
			io.WriteString(conn, Greeting)
			io.WriteString(conn, Prefix+await(conn, 5))
			io.Copy(io.Discard, conn)
			time.Sleep(closeTimeout + closeTimeout/2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			client := launch(t, ClientMain, nil, fake(t, serve), "--message", "hello")
			status, stderr := client.ended(t)
			assert.Zero(t, status, stderr)
			assert.Equal(t, "connected received sent received closed", client.names())
		})
	}
}

// The fakes of this test are wrong, and the client must say in one sentence how.
func TestClientRefusesWrongServers(t *testing.T) {
	says := func(text string) func(*net.TCPConn) {
		return func(conn *net.TCPConn) { io.WriteString(conn, text) }
	}
	replies := func(text string) func(*net.TCPConn) {
		return func(conn *net.TCPConn) { io.WriteString(conn, Greeting); await(conn, 5); io.WriteString(conn, text) }
	}
	waits := func(text string) func(*net.TCPConn) {
		return func(conn *net.TCPConn) { io.WriteString(conn, text); io.Copy(io.Discard, conn) }
	}
	for name, c := range map[string]struct {
		serve func(conn *net.TCPConn)
		want  string
	}{
		"another protocol":        {says("SSH-2.0-x\r\n"), `the greeting is wrong: "SSH-2.0-x\r\n"`},
		"another greeting":        {says("Welcome to the server\n"), `the greeting is wrong: "Welcome to the server\n"`},
		"more than the greeting":  {says(Greeting + "x"), `the greeting is wrong: "Welcome to the Server\nx"`},
		"another reply":           {replies(Prefix + "HELLO"), `the reply to "hello" is wrong: "Server Says: HELLO"`},
		"no prefix":               {replies("hello"), `the reply to "hello" is wrong: "hello"`},
		"more than the reply":     {replies(Prefix + "hello!"), `the reply to "hello" is wrong: "Server Says: hello!"`},
		"closes at once":          {func(*net.TCPConn) {}, "the server closed the connection before the greeting had come"},
		"closes in the greeting":  {says(Greeting[:5]), "the server closed the connection before the greeting had come"},
		"closes within the reply": {replies(Prefix + "hell"), `the server closed the connection before the reply to "hello" had come`},
		"resets within the reply": {
			func(conn *net.TCPConn) { replies("")(conn); conn.SetLinger(0) },
			`the connection ended before the reply to "hello" had come: `,
		},
		"more after the client's FIN": {
			func(conn *net.TCPConn) {
				replies(Prefix + "hello")(conn)
				io.Copy(io.Discard, conn)
				io.WriteString(conn, "and another thing")
			},
			`the server sent more than it was asked for: "and another thing"`,
		},
		"never replies": {waits(Greeting), `the reply to "hello" has not come whole within 300ms`},
		"never greets":  {waits(""), "the greeting has not come whole within 300ms"},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := patience
			if strings.HasSuffix(c.want, "300ms") {
				timeout = 300 * time.Millisecond
			}
			client := launch(t, ClientMain, nil, fake(t, c.serve), "--message", "hello", "--timeout", timeout.String())
			status, stderr := client.ended(t)
			assert.Equal(t, statusFailed, status)
			assert.Contains(t, stderr, "client: "+c.want)
			assert.Equal(t, 1, strings.Count(stderr, "\n"))
			failed := client.events(evidence.EventFailed)
			require.Len(t, failed, 1)
			assert.Contains(t, failed[0].Error, c.want)
			assert.True(t, strings.HasSuffix(client.names(), "failed closed"), client.names())
		})
	}
}

// A server that reads no more while nobody takes its replies makes a client hang
// that writes first and reads later. The message is longer than all the buffers
// that lie between a server's small ones.
func TestClientReadsWhileItWrites(t *testing.T) {
	var seen watched
	address := fake(t, func(conn *net.TCPConn) {
		conn.SetReadBuffer(1 << 14)
		conn.SetWriteBuffer(1 << 14)
		server := server{record: func(evidence.ProgramEvent) {}}
		server.echo(t.Context(), conn)
	})
	c := client{address: address, timeout: patience, record: seen.record}
	s, err := c.dial(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.exchange(t.Context(), []byte(strings.Repeat("x", 8<<20))))
	require.NoError(t, s.close())
}

func TestClientGivesUpOnServerThatNeverReads(t *testing.T) {
	release := make(chan struct{})
	address := fake(t, func(conn *net.TCPConn) { io.WriteString(conn, Greeting); <-release })
	defer close(release)
	c := client{address: address, timeout: 300 * time.Millisecond, record: func(evidence.ProgramEvent) {}}
	s, err := c.dial(t.Context())
	require.NoError(t, err)
	assert.ErrorContains(t, s.exchange(t.Context(), []byte(strings.Repeat("x", 8<<20))), "has not come whole within 300ms")
	s.close()
}

// A hold ends when the client is told to, however long that takes, or after the
// time that was given; and it notices the server's end.
func TestClientHolds(t *testing.T) {
	server := start(t)
	client := launch(t, ClientMain, nil, server.address, "--message", "hello", "--hold")
	holding := client.wait(t, evidence.EventHolding, 1)
	assert.Equal(t, server.wait(t, evidence.EventAccepted, 1).Remote, holding.Local)
	client.stop()
	status, stderr := client.ended(t)
	assert.Zero(t, status, stderr)
	assert.Equal(t, "connected received sent received holding closed", client.names())
	assert.Empty(t, server.wait(t, evidence.EventClosed, 1).Error)

	client = launch(t, ClientMain, nil, "--hold", "50ms", server.address)
	status, _ = client.ended(t)
	assert.Zero(t, status)
	closed := client.events(evidence.EventClosed)[0]
	assert.GreaterOrEqual(t, closed.Time.Sub(client.events(evidence.EventHolding)[0].Time), 50*time.Millisecond)

	client = launch(t, ClientMain, nil, "--hold", server.address)
	client.wait(t, evidence.EventHolding, 1)
	server.stop()
	status, stderr = client.ended(t)
	assert.Equal(t, statusFailed, status)
	assert.Equal(t, "client: the server closed the connection before the client was done\n", stderr)
}

func TestClientIsInterrupted(t *testing.T) {
	server := start(t)
	client := launch(t, ClientMain, nil, server.address, "--message", "a", "--count", "3", "--interval", "1h")
	client.wait(t, evidence.EventReceived, 2)
	client.stop()
	status, stderr := client.ended(t)
	assert.Equal(t, statusFailed, status)
	assert.Equal(t, "client: interrupted after 1 of 3 replies\n", stderr)

	address := fake(t, func(conn *net.TCPConn) { io.WriteString(conn, Greeting); io.Copy(io.Discard, conn) })
	client = launch(t, ClientMain, nil, address, "--message", "a")
	client.wait(t, evidence.EventSent, 1)
	client.stop()
	_, stderr = client.ended(t)
	assert.Equal(t, "client: interrupted before the reply to \"a\" had come\n", stderr)

	client = launch(t, ClientMain, nil, freeAddress(t), "--retry", "1h", "--message", "a")
	client.stop()
	_, stderr = client.ended(t)
	assert.Contains(t, stderr, ": interrupted\n")
}

func TestClientWaitsForServer(t *testing.T) {
	address := freeAddress(t)
	client := launch(t, ClientMain, nil, "--retry", "1m", "--message", "a", address)
	time.Sleep(2 * firstRetry) // most likely a refused attempt or two; the test is right without
	launch(t, ServerMain, nil, "--address", address)
	status, stderr := client.ended(t)
	assert.Zero(t, status, stderr)
}

// Mistakes that time does not mend are told at once, however long the client may
// retry.
func TestClientTellsMistakesAtOnce(t *testing.T) {
	server := start(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		// The host is no name by any resolver's rules: nothing has to be asked.
		"no such host":      {[]string{"no_such..host:12000"}, "no such host"},
		"not our address":   {[]string{server.address, "--source", "192.0.2.77:0"}, " from 192.0.2.77:0: "},
		"of another family": {[]string{server.address, "--source", "[::1]:0"}, " from [::1]:0: "},
	} {
		t.Run(name, func(t *testing.T) {
			client := launch(t, ClientMain, nil, append(c.args, "--retry", "1h", "--message", "a")...)
			status, stderr := client.ended(t)
			assert.Equal(t, statusFailed, status)
			assert.Contains(t, stderr, c.want)
		})
	}
}

// The side that closes first, the client, keeps its endpoint in TIME_WAIT for a
// minute (tcp(7)).
func TestSourceCanBeUsedAgainAtOnce(t *testing.T) {
	server := start(t)
	source := freeAddress(t)
	for i := range 3 {
		status, _, stderr := call(t, ClientMain, server.address, "--source", source, "--message", "again")
		assert.Zero(t, status, stderr)
		assert.Equal(t, source, server.wait(t, evidence.EventAccepted, i+1).Remote.String())
	}
	// The control: without SO_REUSEADDR the endpoint cannot be had now.
	local, err := net.ResolveTCPAddr("tcp", source)
	require.NoError(t, err)
	_, err = (&net.Dialer{LocalAddr: local}).Dial("tcp", server.address)
	assert.ErrorContains(t, err, "address already in use")
}

func TestInteractive(t *testing.T) {
	for name, c := range map[string]struct {
		input string
		sent  []string
	}{
		"exit":                {"hello\nsecond line\nexit\nnever sent\n", []string{"hello", "second line"}},
		"end of input":        {"hello\n", []string{"hello"}},
		"no line end":         {"hello", []string{"hello"}},
		"nothing":             {"", nil},
		"empty lines":         {"\n\nhello\n\n", []string{"hello"}},
		"CRLF":                {"hello\r\nexit\r\n", []string{"hello"}},
		"spaces are kept":     {" exit\nexit \n", []string{" exit", "exit "}},
		"longer than a chunk": {strings.Repeat("x", 100_000) + "\n", []string{strings.Repeat("x", 100_000)}},
	} {
		t.Run(name, func(t *testing.T) {
			client := launch(t, ClientMain, strings.NewReader(c.input), start(t).address)
			status, stderr := client.ended(t)
			assert.Zero(t, status, stderr)
			var sent []string
			for _, e := range client.events(evidence.EventSent) {
				sent = append(sent, e.Text)
			}
			assert.Equal(t, c.sent, sent)
		})
	}
}

func TestInteractiveEnds(t *testing.T) {
	server := start(t)
	open := func() (*running, *os.File) {
		input, keyboard, err := os.Pipe()
		require.NoError(t, err)
		t.Cleanup(func() { input.Close() })
		t.Cleanup(func() { keyboard.Close() })
		client := launch(t, ClientMain, input, server.address)
		io.WriteString(keyboard, "hello\n")
		client.wait(t, evidence.EventReceived, 2)
		return client, keyboard
	}
	client, keyboard := open()
	client.stop()
	status, stderr := client.ended(t)
	assert.Zero(t, status, "interrupted at the prompt: %s", stderr)
	keyboard.Close()

	client, keyboard = open()
	server.stop()
	server.ended(t)
	io.WriteString(keyboard, "anybody there?\n")
	status, stderr = client.ended(t)
	assert.Equal(t, statusFailed, status)
	assert.Contains(t, stderr, `before the reply to "anybody there?" had come`)
	keyboard.Close()
}
