package echo

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestServerGreetsAndEchoes(t *testing.T) {
	server := start(t)
	conn := dial(t, server.address)
	hear(t, conn, Greeting)
	for _, message := range []string{"hello", "a", "안녕", "\xff\x00", strings.Repeat("x", ChunkSize)} {
		say(t, conn, message)
		hear(t, conn, Prefix+message)
	}
	require.NoError(t, conn.Close())

	closed := server.wait(t, evidence.EventClosed, 1)
	assert.Equal(t, 1, closed.Served)
	assert.Empty(t, closed.Error)
	assert.Equal(t, endpoint(conn.LocalAddr()), closed.Remote)
	assert.Equal(t, server.address, closed.Local.String())
	server.stop()
	status, stderr := server.ended(t)
	assert.Zero(t, status)
	assert.Empty(t, stderr)
	assert.Equal(t, "listening accepted sent"+strings.Repeat(" received sent", 5)+" closed stopped", server.names())
	assert.Equal(t, 1, server.events(evidence.EventStopped)[0].Served)

	received := server.events(evidence.EventReceived)
	assert.Equal(t, "hello", received[0].Text)
	assert.Equal(t, 5, received[0].Bytes)
	assert.Equal(t, []byte("\xff\x00"), received[3].Base64)
	assert.Equal(t, len(Prefix)+ChunkSize, server.events(evidence.EventSent)[5].Bytes)
}

func TestServerServesManyAtOnce(t *testing.T) {
	server := start(t)
	var conns []net.Conn
	for range 50 {
		conns = append(conns, dial(t, server.address))
	}
	for _, conn := range conns {
		hear(t, conn, Greeting)
		say(t, conn, conn.LocalAddr().String())
	}
	for _, conn := range conns {
		hear(t, conn, Prefix+conn.LocalAddr().String())
		conn.Close()
	}
	server.wait(t, evidence.EventClosed, len(conns))
	for i, closed := range server.events(evidence.EventClosed) {
		assert.Equal(t, i+1, closed.Served)
	}
}

func TestServerSurvivesResets(t *testing.T) {
	server := start(t)
	for range 20 {
		conn := dial(t, server.address)
		hear(t, conn, Greeting)
		say(t, conn, strings.Repeat("cut short", 1000))
		require.NoError(t, conn.SetLinger(0)) // close sends RST
		require.NoError(t, conn.Close())
	}
	server.wait(t, evidence.EventClosed, 20)
	for _, closed := range server.events(evidence.EventClosed) {
		assert.NotEmpty(t, closed.Error, "a reset is no orderly end")
	}
	conn := dial(t, server.address)
	hear(t, conn, Greeting)
	require.NoError(t, conn.Close())
	assert.Empty(t, server.wait(t, evidence.EventClosed, 21).Error, "an orderly end, on a server that still works")
}

func TestServerLetsOpenConnectionsFinish(t *testing.T) {
	server := start(t, "--grace", "1h")
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
	assert.Empty(t, server.events(evidence.EventStopped))
	require.NoError(t, conn.Close())
	status, _ := server.ended(t)
	assert.Zero(t, status)
}

// Two connections may be open. The third is connected, for the kernel does that,
// but it is not greeted.
func TestServerAcceptsNoMoreThanMaxConnections(t *testing.T) {
	server := start(t, "--max-connections", "2")
	first, second, third := dial(t, server.address), dial(t, server.address), dial(t, server.address)
	hear(t, first, Greeting)
	hear(t, second, Greeting)
	require.NoError(t, third.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := third.Read(make([]byte, 1))
	require.Error(t, err, "over the limit nobody is greeted")
	assert.Len(t, server.events(evidence.EventAccepted), 2)

	require.NoError(t, first.Close())
	require.NoError(t, third.SetReadDeadline(time.Now().Add(patience)))
	hear(t, third, Greeting)
	dial(t, server.address) // connected, and never accepted
	server.stop()
	status, _ := server.ended(t)
	assert.Zero(t, status, "it stops while it is full")
	assert.Len(t, server.events(evidence.EventAccepted), 3)
}

// A scripted listener hands out what a test puts in.
type scripted struct {
	results chan any // an error or a net.Conn
	closed  chan struct{}
	once    sync.Once
	asked   []time.Time
}

func newScripted(results ...any) *scripted {
	l := &scripted{results: make(chan any, len(results)), closed: make(chan struct{})}
	for _, r := range results {
		l.results <- r
	}
	return l
}

func (l *scripted) Accept() (net.Conn, error) {
	l.asked = append(l.asked, time.Now())
	select {
	case r := <-l.results:
		if err, ok := r.(error); ok {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
		}
		return r.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *scripted) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *scripted) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 12000} }

// In a bubble's time, a server without descriptors goes on trying, ever more
// seldom, and serves who comes when it has some again.
func TestAcceptOutlastsShortages(t *testing.T) {
	for _, shortage := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ECONNABORTED} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			results := make([]any, 10, 11)
			for i := range results {
				results[i] = shortage
			}
			l := newScripted(append(results, ours)...)
			greeted := make(chan error, 1)
			go func() {
				_, err := io.ReadFull(theirs, make([]byte, len(Greeting)))
				theirs.Close()
				greeted <- err
			}()
			var log bytes.Buffer
			var seen watched
			server := server{record: seen.record, log: slog.New(slog.NewTextHandler(&log, nil))}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			server.serve(ctx, l)
			require.NoError(t, <-greeted)
			assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
			assert.Contains(t, log.String(), shortage.Error())
			for i := range 10 {
				assert.Equal(t, acceptPause, l.asked[i+1].Sub(l.asked[i]), "pause %d", i)
			}
		})
	}
}

// In a bubble's time, peers that say nothing or do not read are left alone for
// exactly as long as was said.
func TestServerKeepsToItsTimes(t *testing.T) {
	silent := func(peer net.Conn) { io.Copy(io.Discard, peer) }
	deaf := func(net.Conn) {}
	const over = "still open at the end of the grace period"
	for name, c := range map[string]struct {
		server server
		peer   func(net.Conn)
		until  time.Duration
		why    string
	}{
		"silent":        {server{idleTimeout: time.Minute}, silent, time.Minute, "silent for 1m0s"},
		"never reads":   {server{}, deaf, 30 * time.Second, "the peer has read nothing for 30s"},
		"told to stop":  {server{grace: time.Minute}, silent, 3 * time.Minute, over},
		"stops at once": {server{}, silent, 2 * time.Minute, over},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				defer theirs.Close()
				go c.peer(theirs)
				var seen watched
				c.server.record = seen.record
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // told to stop then
				defer cancel()
				began := time.Now()
				c.server.serve(ctx, newScripted(ours))
				closed := seen.events(evidence.EventClosed)
				require.Len(t, closed, 1)
				assert.Equal(t, c.why, closed[0].Error)
				assert.Equal(t, c.until, closed[0].Time.Sub(began))
			})
		})
	}
}

func TestListenIsIPv4ByDefault(t *testing.T) {
	for address, want := range map[string]string{":0": "0.0.0.0", "localhost:0": "127.0.0.1", "[::1]:0": "::1"} {
		listener, err := listen(t.Context(), address)
		if err != nil && strings.HasPrefix(address, "[") {
			continue // no IPv6 here
		}
		require.NoError(t, err)
		assert.Equal(t, want, endpoint(listener.Addr()).Addr().String())
		listener.Close()
	}
}
