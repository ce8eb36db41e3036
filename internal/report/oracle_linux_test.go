package report

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

// liveSocket is an open socket and its row, made of what Go says of it.
type liveSocket struct {
	file *os.File
	row  evidence.Socket
}

// liveSockets opens sockets in the namespace: listeners and both ends of a
// connection to each, with 5 bytes that the server's end has not read, over
// IPv4, over IPv6, and over IPv4 to an IPv6 socket; and UDP sockets, one of
// them connected.
func liveSockets(t *testing.T, n *nettest.Namespace) []liveSocket {
	t.Helper()
	var sockets []liveSocket
	keep := func(s interface{ File() (*os.File, error) }, row evidence.Socket) {
		file, err := s.File()
		require.NoError(t, err)
		t.Cleanup(func() { file.Close() })
		sockets = append(sockets, liveSocket{file, row})
	}
	n.Do(t, func() {
		for _, test := range []struct{ listen, dial, server, client string }{
			{"127.0.0.1:12000", "127.0.0.1:12000", "tcp", "tcp"},
			{"[::]:12001", "127.0.0.1:12001", "tcp6", "tcp"},
			{"[::1]:12002", "[::1]:12002", "tcp6", "tcp6"},
		} {
			config := net.ListenConfig{}
			config.SetMultipathTCP(false)
			listener, err := config.Listen(t.Context(), "tcp", test.listen)
			require.NoError(t, err)
			defer listener.Close()
			client, err := net.Dial("tcp", test.dial)
			require.NoError(t, err)
			defer client.Close()
			server, err := listener.Accept()
			require.NoError(t, err)
			defer server.Close()
			_, err = client.Write([]byte("hello"))
			require.NoError(t, err)
			near, far := client.LocalAddr().(*net.TCPAddr).AddrPort(), client.RemoteAddr().(*net.TCPAddr).AddrPort()
			anyone := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
			if test.server == "tcp6" {
				anyone = end("[::]:0")
			}
			keep(listener.(*net.TCPListener), evidence.Socket{Protocol: test.server, State: evidence.Listen, Local: end(test.listen), Remote: anyone, SendQueue: 4096})
			keep(client.(*net.TCPConn), evidence.Socket{Protocol: test.client, State: evidence.Established, Local: near, Remote: far})
			keep(server.(*net.TCPConn), evidence.Socket{Protocol: test.server, State: evidence.Established, Local: far, Remote: near, RecvQueue: 5})
		}
		unconnected, err := net.ListenUDP("udp4", &net.UDPAddr{Port: 12003})
		require.NoError(t, err)
		defer unconnected.Close()
		keep(unconnected, evidence.Socket{Protocol: "udp", State: evidence.Closed, Local: end("0.0.0.0:12003"), Remote: end("0.0.0.0:0")})
		connected, err := net.Dial("udp6", "[::1]:12004")
		require.NoError(t, err)
		defer connected.Close()
		keep(connected.(*net.UDPConn), evidence.Socket{Protocol: "udp6", State: evidence.Established, Local: connected.LocalAddr().(*net.UDPAddr).AddrPort(), Remote: end("[::1]:12004")})
	})
	return sockets
}

// netstat prints our table, byte for byte but for the order of its rows.
func TestSocketsAsNetstatPrintsThem(t *testing.T) {
	nettest.Tool(t, "netstat")
	n := nettest.New(t)
	var rows []evidence.Socket
	for _, s := range liveSockets(t, n) {
		rows = append(rows, s.row)
	}
	theirs := slices.Sorted(strings.Lines(n.Output(t, "netstat", "-tuan")))
	require.Equal(t, theirs, netstatOf(t, rows))
	for _, wrong := range []func(r *evidence.Socket){
		func(r *evidence.Socket) { r.State = evidence.CloseWait },
		func(r *evidence.Socket) { r.RecvQueue = 7 },
		func(r *evidence.Socket) { r.Local = r.Remote },
		func(r *evidence.Socket) { r.Protocol = "tcp6" },
	} {
		changed := slices.Clone(rows)
		wrong(&changed[1])
		require.NotEqual(t, theirs, netstatOf(t, changed), "the control")
	}
}

func netstatOf(t *testing.T, rows []evidence.Socket) []string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Sockets(&b, "", rows))
	return slices.Sorted(strings.Lines(b.String()))
}

// lsof tells of a process that does nothing but hold sockets, in our words.
func TestFilesAsLsofPrintsThem(t *testing.T) {
	nettest.Tool(t, "lsof")
	n := nettest.New(t)
	sockets := liveSockets(t, n)
	sleep := n.Command("sleep", "60")
	for _, s := range sockets {
		sleep.ExtraFiles = append(sleep.ExtraFiles, s.file)
	}
	require.NoError(t, sleep.Start())
	t.Cleanup(func() {
		require.NoError(t, sleep.Process.Kill())
		require.Error(t, sleep.Wait(), "it was killed")
	})
	var rows []evidence.File
	for i, s := range sockets {
		file := evidence.File{
			Command: "sleep", PID: sleep.Process.Pid, User: "root", FD: i + 3, Access: "u", Type: "IPv4",
			Protocol: s.row.Protocol, Local: s.row.Local, Remote: s.row.Remote, State: s.row.State,
		}
		if strings.HasSuffix(file.Protocol, "6") {
			file.Type = "IPv6"
		}
		var err error
		file.Target, err = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", file.PID, file.FD))
		require.NoError(t, err)
		_, err = fmt.Sscanf(file.Target, "socket:[%d]", &file.Inode)
		require.NoError(t, err)
		rows = append(rows, file)
	}
	theirs := n.Output(t, "lsof", "-nP", "-a", "-p", fmt.Sprint(sleep.Process.Pid), "-i")
	theirs = strings.ReplaceAll(theirs, " \n", "\n") // it leaves a blank where UDP has no state
	require.Equal(t, theirs, filesText(rows))
	rows[1].FD++
	require.NotEqual(t, theirs, filesText(rows), "the control")
}
