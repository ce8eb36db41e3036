package report

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/witness/capture"
)

// captureWorlds leaves a capture of each world in dir. It runs in a network
// namespace of its own.
func captureWorlds(t *testing.T, dir string) {
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(lo))
	// Ports for which tshark knows no protocol above TCP.
	set(t, "ipv4/ip_local_port_range", "41000 42999")
	for _, w := range worlds() {
		before := make(map[string]string)
		for name, value := range w.settings {
			before[name] = set(t, name, value)
		}
		w.capture(t, filepath.Join(dir, w.name))
		for name, value := range before {
			set(t, name, value)
		}
	}
}

// set changes a setting of the namespace, and returns what it was.
func set(t *testing.T, name, value string) string {
	t.Helper()
	path := filepath.Join("/proc/sys/net", name)
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(value), 0o644))
	return strings.TrimSpace(string(old))
}

func (w world) capture(t *testing.T, path string) {
	t.Helper()
	server := serve(t, net.JoinHostPort(w.address, "12000"))
	defer server.close()
	if w.late {
		open := dial(t, server)
		capturing(t, path, func() { echo(t, open) })
		return
	}
	capturing(t, path, func() {
		echo(t, dial(t, server))
		pour(t, dial(t, server))
		reset(t, dial(t, server))
		refused, err := net.Dial("tcp", net.JoinHostPort(w.address, "12001"))
		require.Error(t, err, "%v", refused)
	})
}

// capturing captures loopback while f runs.
func capturing(t *testing.T, path string, f func()) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	c, err := capture.Open([]evidence.Interface{{Name: lo.Name, Index: lo.Index, MTU: lo.MTU}}, file, capture.Options{})
	require.NoError(t, err)
	f()
	stats, err := c.Close()
	require.NoError(t, err)
	require.Zero(t, stats.Dropped)
}

// An echoServer sends back what it gets.
type echoServer struct {
	net.Listener
	all sync.WaitGroup
}

func serve(t *testing.T, address string) *echoServer {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s := &echoServer{Listener: listener}
	s.all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			s.all.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // a client may reset the connection
			})
		}
	})
	return s
}

func (s *echoServer) close() {
	s.Close()
	s.all.Wait()
}

func dial(t *testing.T, s *echoServer) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	return c.(*net.TCPConn)
}

// echo says something, hears it again, and closes the connection.
func echo(t *testing.T, c *net.TCPConn) {
	t.Helper()
	defer c.Close()
	_, err := io.WriteString(c, "Hello from the cafe")
	require.NoError(t, err)
	require.NoError(t, c.CloseWrite())
	heard, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "Hello from the cafe", string(heard))
}

// pour sends more than a window holds.
func pour(t *testing.T, c *net.TCPConn) {
	t.Helper()
	defer c.Close()
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = io.WriteString(c, strings.Repeat("Hello from the cafe ", 50_000))
		_ = c.CloseWrite()
	})
	heard, err := io.Copy(io.Discard, c)
	sending.Wait()
	require.NoError(t, err)
	require.EqualValues(t, 1_000_000, heard)
}

// reset ends a connection without a FIN.
func reset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	require.NoError(t, c.SetLinger(0))
	require.NoError(t, c.Close())
}
