package echo

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// patience is how long a test waits for what must happen. It measures nothing.
const patience = 20 * time.Second

// watched collects the events of a program that prints JSON.
type watched struct {
	mu     sync.Mutex
	text   bytes.Buffer
	failAt int // the Write that fails, from 1
	writes int
}

func (w *watched) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writes++; w.writes == w.failAt {
		return 0, fmt.Errorf("disk full")
	}
	return w.text.Write(data)
}

func (w *watched) record(e evidence.ProgramEvent) { w.Write(jsonLine(e)) }

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// events are those so far, of that name if it is not empty.
func (w *watched) events(name string) (events []evidence.ProgramEvent) {
	for line := range strings.Lines(w.String()) {
		var e evidence.ProgramEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			panic(fmt.Sprintf("%q is no event: %v", line, err))
		}
		if name == "" || e.Event == name {
			events = append(events, e)
		}
	}
	return events
}

func (w *watched) names() string {
	var names []string
	for _, e := range w.events("") {
		names = append(names, e.Event)
	}
	return strings.Join(names, " ")
}

// wait waits for the nth event of that name, counted from one.
func (w *watched) wait(t *testing.T, name string, n int) evidence.ProgramEvent {
	t.Helper()
	require.Eventually(t, func() bool { return len(w.events(name)) >= n }, patience, time.Millisecond, "no %d events %s", n, name)
	return w.events(name)[n-1]
}

// program is one of the two commands.
type program func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// call runs a command to its end.
func call(t *testing.T, main program, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errors bytes.Buffer
	status = main(t.Context(), args, strings.NewReader(""), &out, &errors)
	return status, out.String(), errors.String()
}

// running is a command with --json that runs.
type running struct {
	watched
	address string // of a server
	errors  bytes.Buffer
	stop    context.CancelFunc
	status  chan int
}

// launch starts a command that is stopped, and has ended, when the test is over.
func launch(t *testing.T, main program, stdin io.Reader, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{stop: stop, status: make(chan int, 1)}
	go func() {
		r.status <- main(ctx, append([]string{"--json"}, args...), stdin, r, &r.errors)
		close(r.status)
	}()
	t.Cleanup(func() {
		stop()
		for range r.status {
		}
	})
	return r
}

// ended is a command's status and what it wrote to standard error.
func (r *running) ended(t *testing.T) (status int, stderr string) {
	t.Helper()
	select {
	case status = <-r.status:
		return status, r.errors.String()
	case <-time.After(patience):
		require.FailNow(t, "the command does not end")
		return 0, ""
	}
}

// start starts the server command on a loopback port of its own.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := launch(t, ServerMain, nil, append([]string{"--address", "127.0.0.1:0", "--grace", "0"}, args...)...)
	r.address = r.wait(t, evidence.EventListening, 1).Local.String()
	return r
}

// fake serves each connection by a function of the test, which need not be
// well-behaved.
func fake(t *testing.T, serve func(conn *net.TCPConn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(patience))
			serve(conn.(*net.TCPConn))
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// freeAddress is a loopback address where nobody listens. Its port is below
// those that kernels choose themselves, so that nobody gets it by chance.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(10_000))))
		if err == nil {
			listener.Close()
			return listener.Addr().String()
		}
	}
	require.FailNow(t, "no free port")
	return ""
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

// hear reads a text, which must come.
func hear(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	assert.Equal(t, text, readN(t, conn, len(text)))
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
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
}

// await reads a message of that length.
func await(conn net.Conn, length int) string {
	message := make([]byte, length)
	io.ReadFull(conn, message)
	return string(message)
}

// answer is what a server sends back when a message reaches it in these pieces.
func answer(pieces ...string) string { return Prefix + strings.Join(pieces, Prefix) }

// cuttings is every way to cut a message into pieces, as the answers they lead
// to: what a client must accept, found without it.
func cuttings(message string) []string {
	if len(message) == 0 {
		return []string{""}
	}
	var all []string
	for i := 1; i <= len(message); i++ {
		for _, rest := range cuttings(message[i:]) {
			all = append(all, Prefix+message[:i]+rest)
		}
	}
	return all
}

func TestReplyAcceptsEveryCutting(t *testing.T) {
	for _, message := range []string{"a", "hello", "안녕", "\n", "\x00"} {
		for _, text := range cuttings(message) {
			for _, size := range []int{1, 7, len(text)} {
				r := reply{message: []byte(message)}
				for part := range slices.Chunk([]byte(text), size) {
					require.True(t, r.hear(part), "%q to %q", text, message)
				}
				require.True(t, r.complete(), "%q to %q", text, message)
			}
		}
	}
}

func TestReplyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		message, text string
	}{
		"another message":          {"hello", answer("hellp")},
		"another prefix":           {"hello", "Server says: hello"},
		"no prefix":                {"hello", "hello"},
		"an empty piece":           {"hello", answer("", "hello")},
		"half a piece twice":       {"hello", answer("he", "ello")},
		"the reply twice":          {"hello", answer("hello") + answer("hello")},
		"a prefix inside a prefix": {"hello", "Server S" + Prefix + "hello"},
		"the words of the message": {Prefix + "x", Prefix + "x"},
	} {
		r := reply{message: []byte(c.message)}
		assert.False(t, r.hear([]byte(c.text)), name)
	}
}

// FuzzReply compares with the list of all answers that are right, for messages in
// which no Prefix can begin.
func FuzzReply(f *testing.F) {
	f.Add("hello", answer("he", "llo"))
	f.Add("hello", answer("he")+"Serv")
	f.Add("hello", answer("hello", ""))
	f.Fuzz(func(t *testing.T, message, text string) {
		if message == "" || len(message) > 10 || strings.Contains(message, Prefix[:1]) {
			return
		}
		all := cuttings(message)
		r := reply{message: []byte(message)}
		fits := r.hear([]byte(text))
		assert.Equal(t, slices.Contains(all, text), fits && r.complete())
		possible := slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, text) })
		assert.Equal(t, possible, fits)
	})
}
