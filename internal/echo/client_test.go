package echo

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClientTalksToServer(t *testing.T) {
	server := start(t, Server{})
	var seen watched
	client := Client{Timeout: patience, Record: seen.record}
	long := strings.Repeat("0123456789", 100_000)
	messages := []string{"hello", "a", Prefix, Prefix + "S", "안녕", "\xff", strings.Repeat("S", ChunkSize+1), long}
	require.NoError(t, client.Run(t.Context(), server.address, Script{Messages: messages, Count: 2}))

	assert.Equal(t, "connected received"+strings.Repeat(" sent received", 16)+" closed", seen.names())
	for i, sent := range seen.named(Sent) {
		assert.Equal(t, messages[i%8], string(sent.Payload()))
	}
	received := seen.named(Received)
	assert.Equal(t, Greeting, received[0].Text)
	assert.Equal(t, Prefix+"hello", received[1].Text)
	assert.Equal(t, len(Prefix)+5, received[1].Bytes)
	connected := seen.named(Connected)[0]
	assert.Equal(t, server.address, connected.Remote.String())
	accepted := server.wait(t, Accepted, 1)
	assert.Equal(t, connected.Local, accepted.Remote)
	assert.Empty(t, server.wait(t, Closed, 1).Error, "FIN and not RST")
}

// The fakes of this test misbehave in ways that TCP allows, and the client must not mind.
func TestClientToleratesAwkwardServers(t *testing.T) {
	for name, serve := range map[string]func(conn *net.TCPConn){
		"byte by byte": func(conn *net.TCPConn) {
			dribble(conn, Greeting, 1)
			dribble(conn, Prefix+listen(conn, 5), 1)
			dribble(conn, Prefix+listen(conn, 5), 1)
		},
		"split in the prefix": func(conn *net.TCPConn) {
			dribble(conn, Greeting, 3)
			for range 2 {
				dribble(conn, Prefix+listen(conn, 5), 7)
			}
		},
		"message cut in chunks": func(conn *net.TCPConn) {
			io.WriteString(conn, Greeting)
			for range 2 {
				message := listen(conn, 5)
				io.WriteString(conn, reply(message[:1], message[1:3], message[3:]))
			}
		},
		"greeting and reply in one": func(conn *net.TCPConn) {
			io.WriteString(conn, Greeting+reply("hello"))
			listen(conn, 5)
			io.WriteString(conn, Prefix+listen(conn, 5))
		},
		"greeting and all replies in one": func(conn *net.TCPConn) {
			io.WriteString(conn, Greeting+reply("hello")+reply("hello"))
			listen(conn, 10)
		},
		"closes at once after the last reply": func(conn *net.TCPConn) {
			io.WriteString(conn, Greeting)
			for range 2 {
				io.WriteString(conn, Prefix+listen(conn, 5))
			}
			conn.Close()
		},
		"never closes": func(conn *net.TCPConn) {
			io.WriteString(conn, Greeting)
			for range 2 {
				io.WriteString(conn, Prefix+listen(conn, 5))
			}
			io.Copy(io.Discard, conn)
			time.Sleep(farewell + farewell/2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := fake(t, serve)
			var seen watched
			client := Client{Timeout: patience, Record: seen.record}
			require.NoError(t, client.Run(t.Context(), address, Script{Messages: []string{"hello", "hello"}}))
			received := seen.named(Received)
			require.Len(t, received, 3)
			assert.Equal(t, Greeting, received[0].Text)
			assert.Equal(t, "connected received sent received sent received closed", seen.names())
		})
	}
}

// The fakes of this test are wrong, and the client must say in one sentence how.
func TestClientRefusesWrongServers(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(conn *net.TCPConn)
		want  string
	}{
		"another protocol": {
			func(conn *net.TCPConn) { io.WriteString(conn, "SSH-2.0-x\r\n") },
			`the greeting is wrong at byte 1: "SSH-2.0-x\r\n"`,
		},
		"another greeting": {
			func(conn *net.TCPConn) { io.WriteString(conn, "Welcome to the server\n") },
			`the greeting is wrong at byte 16: "Welcome to the server\n"`,
		},
		"another reply": {
			func(conn *net.TCPConn) {
				io.WriteString(conn, Greeting)
				listen(conn, 5)
				io.WriteString(conn, Prefix+"HELLO")
			},
			`the reply to "hello" is wrong at byte 14: "Server Says: HELLO"`,
		},
		"no prefix": {
			func(conn *net.TCPConn) { io.WriteString(conn, Greeting); io.WriteString(conn, listen(conn, 5)) },
			`the reply to "hello" is wrong at byte 1: "hello"`,
		},
		"more than the reply": {
			func(conn *net.TCPConn) {
				io.WriteString(conn, Greeting)
				listen(conn, 5)
				io.WriteString(conn, Prefix+"hello!")
			},
			`the server sent more than it was asked for: "!"`,
		},
		"the reply twice": {
			func(conn *net.TCPConn) {
				io.WriteString(conn, Greeting)
				listen(conn, 5)
				io.WriteString(conn, reply("hello")+reply("hello"))
			},
			`the server sent more than it was asked for: "Server Says: hello"`,
		},
		"more after the client's FIN": {
			func(conn *net.TCPConn) {
				io.WriteString(conn, Greeting)
				io.WriteString(conn, Prefix+listen(conn, 5))
				io.Copy(io.Discard, conn)
				io.WriteString(conn, "and another thing")
			},
			`the server sent more than it was asked for: "and another thing"`,
		},
		"closes before the greeting": {
			func(*net.TCPConn) {},
			"the server closed the connection before the greeting had come",
		},
		"closes within the greeting": {
			func(conn *net.TCPConn) { io.WriteString(conn, Greeting[:5]) },
			"the server closed the connection before the greeting had come",
		},
		"closes within the reply": {
			func(conn *net.TCPConn) {
				io.WriteString(conn, Greeting)
				listen(conn, 5)
				io.WriteString(conn, Prefix+"hell")
			},
			`the server closed the connection before the reply to "hello" had come`,
		},
		"resets within the reply": {
			func(conn *net.TCPConn) { io.WriteString(conn, Greeting); listen(conn, 5); hangUp(conn) },
			`the connection ended before the reply to "hello" had come: `,
		},
		"never replies": {
			func(conn *net.TCPConn) { io.WriteString(conn, Greeting); io.Copy(io.Discard, conn) },
			`the reply to "hello" has not come whole within 300ms`,
		},
		"never greets": {
			func(conn *net.TCPConn) { io.Copy(io.Discard, conn) },
			"the greeting has not come whole within 300ms",
		},
		"stops in the middle": {
			func(conn *net.TCPConn) {
				io.WriteString(conn, Greeting+Prefix+"hel")
				io.Copy(io.Discard, conn)
			},
			`the reply to "hello" has not come whole within 300ms`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := fake(t, c.serve)
			var seen watched
			client := Client{Timeout: patience, Record: seen.record}
			if strings.HasSuffix(c.want, "within 300ms") {
				client.Timeout = 300 * time.Millisecond
			}
			err := client.Run(t.Context(), address, Script{Messages: []string{"hello"}})
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "\n")
			failed := seen.named(Failed)
			require.Len(t, failed, 1)
			assert.Equal(t, err.Error(), failed[0].Error)
			assert.True(t, strings.HasSuffix(seen.names(), "failed closed"), seen.names())
		})
	}
}

func TestClientRefusesToListenWithoutEnd(t *testing.T) {
	address := fake(t, func(conn *net.TCPConn) { io.WriteString(conn, Greeting); flood(conn) })
	err := (&Client{}).Run(t.Context(), address, Script{Hold: time.Hour})
	assert.EqualError(t, err, "the server sends and sends without being asked")
}

// A server that reads no more while nobody takes its replies makes a client hang that writes first and reads
// later. The message is longer than all the buffers that lie between a server's small ones.
func TestClientReadsWhileItWrites(t *testing.T) {
	address := fake(t, func(conn *net.TCPConn) {
		conn.SetReadBuffer(1 << 14)
		conn.SetWriteBuffer(1 << 14)
		newConnection(conn).echo(&Server{})
	})
	client := Client{Timeout: patience}
	message := strings.Repeat("x", 8<<20)
	require.NoError(t, client.Run(t.Context(), address, Script{Messages: []string{message}}))
}

func TestClientGivesUpOnServerThatNeverReads(t *testing.T) {
	release := make(chan struct{})
	address := fake(t, func(conn *net.TCPConn) { io.WriteString(conn, Greeting); <-release })
	t.Cleanup(func() { close(release) })
	client := Client{Timeout: 300 * time.Millisecond}
	err := client.Run(t.Context(), address, Script{Messages: []string{strings.Repeat("x", 8<<20)}})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "has not come whole within 300ms")
}

// What the server's side sees of the end: FIN after an orderly conversation, RST where the test asks for one.
func TestClientClosesWithFIN(t *testing.T) {
	ends := make(chan error, 1)
	address := fake(t, func(conn *net.TCPConn) {
		io.WriteString(conn, Greeting)
		io.WriteString(conn, Prefix+listen(conn, 5))
		_, err := io.Copy(io.Discard, conn)
		ends <- err
	})
	client := Client{Timeout: patience}
	require.NoError(t, client.Run(t.Context(), address, Script{Messages: []string{"hello"}}))
	require.NoError(t, <-ends)

	conn := dial(t, address)
	hear(t, conn, Greeting)
	say(t, conn, "hello")
	hear(t, conn, Prefix+"hello")
	hangUp(conn)
	require.Error(t, <-ends, "the control: this end is an error")
}

func TestClientHolds(t *testing.T) {
	server := start(t, Server{})
	var seen watched
	client := Client{Timeout: patience, Record: seen.record}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- client.Run(ctx, server.address, Script{Messages: []string{"hello"}, Hold: time.Hour})
	}()
	holding := seen.wait(t, Holding, 1)
	assert.Equal(t, server.wait(t, Accepted, 1).Remote, holding.Local)
	assert.Empty(t, done)
	cancel()
	require.NoError(t, <-done, "to end a hold is no error")
	assert.Equal(t, "connected received sent received holding closed", seen.names())
	assert.Empty(t, server.wait(t, Closed, 1).Error)
}

func TestClientHoldsToTheEnd(t *testing.T) {
	server := start(t, Server{})
	began := time.Now()
	require.NoError(t, (&Client{}).Run(t.Context(), server.address, Script{Hold: 50 * time.Millisecond}))
	assert.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
}

func TestClientNoticesTheEndOfAHold(t *testing.T) {
	server := start(t, Server{})
	var seen watched
	client := Client{Record: seen.record}
	done := make(chan error, 1)
	go func() { done <- client.Run(t.Context(), server.address, Script{Hold: time.Hour}) }()
	seen.wait(t, Holding, 1)
	server.stop()
	assert.EqualError(t, <-done, "the server closed the connection before the client was done")
}

// A server that closes right after its last reply: the end is there before the hold begins.
func TestClientNoticesAnEndBeforeTheHold(t *testing.T) {
	address := fake(t, func(conn *net.TCPConn) { io.WriteString(conn, Greeting) })
	session, err := (&Client{}).Dial(t.Context(), address)
	require.NoError(t, err)
	require.Error(t, session.Wait(t.Context(), time.Hour))
	require.Error(t, session.Wait(t.Context(), time.Hour), "also when asked again")
	_, err = session.Exchange(t.Context(), []byte("hello"))
	require.Error(t, err)
	require.NoError(t, session.Close(), "the error has been told")
}

func TestClientIsInterrupted(t *testing.T) {
	server := start(t, Server{})
	var seen watched
	client := Client{Record: seen.record}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- client.Run(ctx, server.address, Script{Messages: []string{"a"}, Count: 3, Interval: time.Hour})
	}()
	seen.wait(t, Received, 2)
	cancel()
	assert.EqualError(t, <-done, "interrupted after 1 of 3 replies")

	address := fake(t, func(conn *net.TCPConn) { io.WriteString(conn, Greeting); io.Copy(io.Discard, conn) })
	ctx, cancel = context.WithCancel(t.Context())
	go func() { done <- client.Run(ctx, address, Script{Messages: []string{"a"}}) }()
	seen.wait(t, Sent, 2)
	cancel()
	assert.EqualError(t, <-done, `interrupted before the reply to "a" had come`)
}

func TestClientWaitsBetweenMessages(t *testing.T) {
	server := start(t, Server{})
	var seen watched
	client := Client{Record: seen.record}
	script := Script{Messages: []string{"a", "b"}, Interval: 50 * time.Millisecond}
	require.NoError(t, client.Run(t.Context(), server.address, script))
	gap := seen.named(Sent)[1].Time.Sub(seen.named(Received)[1].Time)
	assert.GreaterOrEqual(t, gap, 50*time.Millisecond)
}

func TestSessionRefusesEmptyMessages(t *testing.T) {
	server := start(t, Server{})
	session, err := (&Client{}).Dial(t.Context(), server.address)
	require.NoError(t, err)
	defer session.Close()
	_, err = session.Exchange(t.Context(), nil)
	require.Error(t, err)
	reply, err := session.Exchange(t.Context(), []byte("x"))
	require.NoError(t, err)
	assert.Equal(t, Prefix+"x", string(reply))
	assert.Equal(t, fmt.Sprint(session.Remote()), server.address)
	assert.Equal(t, server.wait(t, Accepted, 1).Remote, session.Local())
}
