package echo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// childEnv makes the test binary play a part instead of running tests: see children.
const childEnv = "FOURTUPLE_ECHO_TEST_CHILD"

// children are the parts, by name; files with build constraints add theirs. A part returns an exit status.
var children = map[string]func() int{}

func TestMain(m *testing.M) {
	if part, ok := os.LookupEnv(childEnv); ok {
		os.Exit(children[part]())
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must happen. It is not a measure of anything.
const patience = 20 * time.Second

// watched collects events.
type watched struct {
	mu     sync.Mutex
	events []Event
}

func (w *watched) record(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// named is the events of that name so far.
func (w *watched) named(name string) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.events), func(e Event) bool { return e.Event != name })
}

// names is the names of all events so far.
func (w *watched) names() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, e := range w.events {
		names = append(names, e.Event)
	}
	return strings.Join(names, " ")
}

// wait waits for the nth event of that name, counted from one.
func (w *watched) wait(t *testing.T, name string, n int) Event {
	t.Helper()
	require.Eventually(t, func() bool { return len(w.named(name)) >= n }, patience, time.Millisecond,
		"no %d events %s", n, name)
	return w.named(name)[n-1]
}

// running is a server of ours on a loopback port of its own.
type running struct {
	watched
	address string
	stop    context.CancelFunc // tells it to stop
	done    chan error         // what Serve returned
}

// start starts a server that is stopped, and has ended, when the test is over.
func start(t *testing.T, server Server) *running {
	t.Helper()
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	r := &running{address: listener.Addr().String(), stop: stop, done: make(chan error, 1)}
	server.Record = r.record
	go func() { r.done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		r.wait(t, Stopped, 1)
	})
	return r
}

// ended waits until the server has stopped.
func (r *running) ended(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		require.FailNow(t, "the server does not stop")
		return nil
	}
}

// dial is a bare connection to an address, closed when the test is over.
func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn.(*net.TCPConn)
}

// expect reads a text.
func expect(conn net.Conn, text string) error {
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("%q came for %q", got, text)
	}
	return nil
}

// hear reads a text, which must come.
func hear(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	require.NoError(t, expect(conn, text))
}

func readN(t *testing.T, conn net.Conn, n int) string {
	t.Helper()
	data := make([]byte, n)
	_, err := io.ReadFull(conn, data)
	require.NoError(t, err)
	return string(data)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := conn.Write([]byte(text))
	require.NoError(t, err)
}

// local is a socket's own endpoint.
func local(conn net.Conn) netip.AddrPort { return endpointOf(conn.LocalAddr()) }

// synced is a buffer for a process to write to while a test reads.
type synced struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *synced) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(data)
}

func (s *synced) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
