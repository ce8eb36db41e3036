package netns

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/nettest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// patience bounds everything that a test waits for.
const patience = 20 * time.Second

// build makes a network that ends with the test.
func build(t testing.TB, l *topology.Lab) *Network {
	t.Helper()
	nettest.Root(t)
	n, err := Build(t.Context(), l, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	return n
}

// A started is a program that a test started, and what it prints.
type started struct {
	agent.Process
	t    testing.TB
	out  *output
	read chan struct{} // closed when all that it prints is read
}

// start starts a program of this test binary on the host.
func start(t testing.TB, h *Host, args ...string) *started {
	t.Helper()
	return startProgram(t, h, agent.Program{Args: append([]string{"client"}, args...)})
}

func startProgram(t testing.TB, h *Host, p agent.Program) *started {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	p.Stdout, p.Stderr = w, w
	process, err := h.Start(t.Context(), p)
	require.NoError(t, err)
	s := &started{Process: process, t: t, out: &output{}, read: make(chan struct{})}
	go func() {
		defer close(s.read)
		defer r.Close()
		_, _ = io.Copy(s.out, r)
	}()
	t.Cleanup(func() {
		require.NoError(t, process.Signal(os.Kill))
		<-s.read
	})
	return s
}

// says waits until the program has printed that.
func (s *started) says(what string) {
	s.t.Helper()
	eventually(s.t, func() bool { return strings.Contains(s.out.String(), what) }, "the program says %q", what)
}

// ends waits for the program's end and returns what it printed.
func (s *started) ends(status int) string {
	s.t.Helper()
	got, err := s.Wait()
	require.NoError(s.t, err)
	<-s.read
	require.Equal(s.t, status, got, s.out.String())
	return s.out.String()
}

// An output is a buffer that may be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// reports runs the report program.
func reports(t testing.TB, h *Host, p agent.Program) report {
	t.Helper()
	p.Args = []string{"client", "report"}
	s := startProgram(t, h, p)
	var r report
	require.NoError(t, json.Unmarshal([]byte(s.ends(0)), &r))
	return r
}

// eventually polls until something is so.
func eventually(t testing.TB, so func() bool, what string, args ...any) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			require.Failf(t, "it did not happen", what, args...)
		}
	}
}
