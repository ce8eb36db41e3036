package echo

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServerGreetsAndEchoes(t *testing.T) {
	server := start(t, Server{})
	conn := dial(t, server.address)
	hear(t, conn, Greeting)
	for _, message := range []string{"hello", "a", "안녕", "\xff\x00", strings.Repeat("x", ChunkSize)} {
		say(t, conn, message)
		hear(t, conn, Prefix+message)
	}
	require.NoError(t, conn.Close())

	closed := server.wait(t, Closed, 1)
	assert.Equal(t, 1, *closed.Served)
	assert.Empty(t, closed.Error)
	assert.Equal(t, local(conn), closed.Remote)
	assert.Equal(t, server.address, closed.Local.String())
	server.stop()
	require.NoError(t, server.ended(t))
	assert.Equal(t, "listening accepted sent"+strings.Repeat(" received sent", 5)+" closed stopped", server.names())
	assert.Equal(t, 1, *server.named(Stopped)[0].Served)

	assert.Equal(t, Greeting, server.named(Sent)[0].Text)
	received := server.named(Received)
	assert.Equal(t, "hello", received[0].Text)
	assert.Equal(t, 5, received[0].Bytes)
	assert.Equal(t, []byte("\xff\x00"), received[3].Base64)
	assert.Equal(t, len(Prefix)+ChunkSize, server.named(Sent)[5].Bytes)
}

func TestServerCutsLongMessages(t *testing.T) {
	server := start(t, Server{})
	conn := dial(t, server.address)
	hear(t, conn, Greeting)
	message := strings.Repeat("0123456789", 1000)
	say(t, conn, message)

	var r replies
	require.NoError(t, r.expect([]byte(message)))
	for !r.complete() {
		require.NoError(t, r.feed([]byte(readN(t, conn, 1))))
	}
	for _, received := range server.named(Received) {
		assert.LessOrEqual(t, received.Bytes, ChunkSize)
	}
	assert.GreaterOrEqual(t, len(server.named(Received)), 5)
}

func TestServerServesManyAtOnce(t *testing.T) {
	server := start(t, Server{})
	var conns []net.Conn
	for range 50 {
		conns = append(conns, dial(t, server.address))
	}
	for _, conn := range conns {
		hear(t, conn, Greeting)
	}
	for _, conn := range conns {
		say(t, conn, conn.LocalAddr().String())
	}
	for _, conn := range conns {
		hear(t, conn, Prefix+conn.LocalAddr().String())
		conn.Close()
	}
	server.wait(t, Closed, len(conns))
	for i, closed := range server.named(Closed) {
		assert.Equal(t, i+1, *closed.Served)
	}
}

// A peer that has shut down its side still gets every reply, and then FIN.
func TestServerFinishesForHalfClosedPeer(t *testing.T) {
	server := start(t, Server{})
	conn := dial(t, server.address)
	say(t, conn, "last words")
	require.NoError(t, conn.CloseWrite())
	rest, err := io.ReadAll(conn)
	require.NoError(t, err, "FIN and not RST")
	assert.Equal(t, Greeting+Prefix+"last words", string(rest))
	assert.Empty(t, server.wait(t, Closed, 1).Error)
}

func TestServerSurvivesResets(t *testing.T) {
	server := start(t, Server{})
	for range 20 {
		conn := dial(t, server.address)
		hear(t, conn, Greeting)
		say(t, conn, strings.Repeat("cut short", 1000))
		require.NoError(t, conn.SetLinger(0)) // close sends RST
		require.NoError(t, conn.Close())
	}
	server.wait(t, Closed, 20)
	for _, closed := range server.named(Closed) {
		assert.NotEmpty(t, closed.Error, "a reset is no orderly end")
	}

	// Beside it, an orderly end, on a server that still works.
	conn := dial(t, server.address)
	hear(t, conn, Greeting)
	require.NoError(t, conn.Close())
	assert.Empty(t, server.wait(t, Closed, 21).Error)
}

func TestServerClosesSilentConnections(t *testing.T) {
	server := start(t, Server{IdleTimeout: 50 * time.Millisecond})
	conn := dial(t, server.address)
	rest, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Equal(t, Greeting, string(rest))
	assert.Equal(t, "silent for 50ms", server.wait(t, Closed, 1).Error)

	patient := start(t, Server{IdleTimeout: time.Hour})
	conn = dial(t, patient.address)
	hear(t, conn, Greeting)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	_, err = conn.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout, "this server does not close, so that only our own deadline ends the read")
	assert.True(t, timeout.Timeout())
}

// A peer that sends and never reads fills the buffers of both sides, so that the server's write has to wait.
func TestServerGivesUpOnPeerThatNeverReads(t *testing.T) {
	server := start(t, Server{WriteTimeout: 200 * time.Millisecond})
	go flood(dial(t, server.address))
	assert.Equal(t, "the peer has read nothing for 200ms", server.wait(t, Closed, 1).Error)

	// The same flood with a reader at its side ends well.
	server = start(t, Server{WriteTimeout: patience})
	conn := dial(t, server.address)
	go func() {
		flood(conn)
		conn.CloseWrite()
	}()
	_, err := io.Copy(io.Discard, conn)
	require.NoError(t, err)
	assert.Empty(t, server.wait(t, Closed, 1).Error)
}

// flood sends more than the buffers of both sides hold, or until there is an error.
func flood(conn net.Conn) {
	chunk := []byte(strings.Repeat("x", 1<<16))
	for range 256 {
		if _, err := conn.Write(chunk); err != nil {
			return
		}
	}
}

func TestServerStopsDespitePeerThatNeverReads(t *testing.T) {
	server := start(t, Server{WriteTimeout: time.Hour, Grace: 10 * time.Millisecond})
	go flood(dial(t, server.address))
	server.wait(t, Received, 1)
	server.stop()
	require.NoError(t, server.ended(t))
	assert.Equal(t, errGraceOver.Error(), server.named(Closed)[0].Error)
}

func TestServerLetsOpenConnectionsFinish(t *testing.T) {
	server := start(t, Server{Grace: time.Hour})
	conn := dial(t, server.address)
	hear(t, conn, Greeting)
	server.stop()
	require.Eventually(t, func() bool {
		late, err := net.Dial("tcp", server.address)
		if err == nil {
			late.Close()
		}
		return err != nil
	}, patience, time.Millisecond, "no new connections")

	say(t, conn, "still there?")
	hear(t, conn, Prefix+"still there?")
	assert.Empty(t, server.named(Stopped))
	require.NoError(t, conn.Close())
	require.NoError(t, server.ended(t))
	// The last to close is this connection: those before were calls from the loop above that were still taken.
	closed := server.named(Closed)
	assert.Equal(t, local(conn), closed[len(closed)-1].Remote)
	assert.Empty(t, closed[len(closed)-1].Error)
}

func TestServerClosesWhatIsLeftAfterGrace(t *testing.T) {
	server := start(t, Server{Grace: 20 * time.Millisecond})
	conn := dial(t, server.address)
	hear(t, conn, Greeting)
	server.stop()
	rest, err := io.ReadAll(conn)
	require.NoError(t, err)
	assert.Empty(t, rest)
	require.NoError(t, server.ended(t))
	assert.Equal(t, errGraceOver.Error(), server.named(Closed)[0].Error)
}

func TestServerStopsWithNoGraceAtAll(t *testing.T) {
	server := start(t, Server{})
	conn := dial(t, server.address)
	hear(t, conn, Greeting)
	server.stop()
	require.NoError(t, server.ended(t))
}

// Two connections may be open. The third is connected, for the kernel does that, but it is not greeted.
func TestServerAcceptsNoMoreThanMaxConnections(t *testing.T) {
	server := start(t, Server{MaxConnections: 2})
	first, second, third := dial(t, server.address), dial(t, server.address), dial(t, server.address)
	hear(t, first, Greeting)
	hear(t, second, Greeting)
	require.NoError(t, third.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := third.Read(make([]byte, 1))
	require.Error(t, err, "over the limit nobody is greeted")
	assert.Len(t, server.named(Accepted), 2)

	require.NoError(t, first.Close())
	require.NoError(t, third.SetReadDeadline(time.Now().Add(patience)))
	hear(t, third, Greeting)
	say(t, second, "still here")
	hear(t, second, Prefix+"still here")
	assert.Len(t, server.named(Accepted), 3)
}

func TestServerStopsWhileFull(t *testing.T) {
	server := start(t, Server{MaxConnections: 1})
	hear(t, dial(t, server.address), Greeting)
	dial(t, server.address)
	server.stop()
	require.NoError(t, server.ended(t))
	assert.Len(t, server.named(Accepted), 1)
}

func TestServerEndsWhenItsListenerIsBroken(t *testing.T) {
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	var seen watched
	err = (&Server{Record: seen.record}).Serve(t.Context(), listener)
	require.Error(t, err)
	assert.True(t, errors.Is(err, net.ErrClosed))
	assert.Equal(t, err.Error(), seen.named(Stopped)[0].Error)
}
