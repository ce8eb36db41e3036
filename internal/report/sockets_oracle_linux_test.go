package report

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// netstat prints our lines, byte for byte, for sockets that live here: IPv4, an
// IPv6 socket that serves IPv4, and IPv6 with its listener.
func TestSocketsAsNetstatPrintsThem(t *testing.T) {
	rows := liveRows(t)
	theirs := strings.Split(tool(t, "netstat", "-tan"), "\n")
	for _, line := range socketLines(t, rows) {
		require.Contains(t, theirs, line)
	}
}

// The control: a row that is no socket's is on no line of netstat's.
func TestSocketsNotAsNetstatPrintsThem(t *testing.T) {
	row := liveRows(t)[1]
	theirs := strings.Split(tool(t, "netstat", "-tan"), "\n")
	require.Contains(t, theirs, netstatLine(row))
	for _, wrong := range []func(r *evidence.Socket){
		func(r *evidence.Socket) { r.State = evidence.CloseWait },
		func(r *evidence.Socket) { r.RecvQueue = 7 },
		func(r *evidence.Socket) { r.Local = r.Remote },
		func(r *evidence.Socket) { r.Protocol = "tcp6" },
	} {
		changed := row
		wrong(&changed)
		require.NotContains(t, theirs, netstatLine(changed))
	}
}

func socketLines(t *testing.T, rows []evidence.Socket) []string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Sockets(&b, "", rows))
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// liveRows opens sockets on loopback and returns their rows, made of what Go
// says of them.
func liveRows(t *testing.T) []evidence.Socket {
	t.Helper()
	requireIPv6(t)
	rows := liveConnection(t, "tcp4", "127.0.0.1:0", "127.0.0.1")
	rows = append(rows, liveConnection(t, "tcp", "[::]:0", "127.0.0.1")...)
	return append(rows, liveConnection(t, "tcp6", "[::1]:0", "::1")...)
}

// liveConnection is a listening socket and the two ends of a connection to it,
// with 5 bytes that the server's end has not read.
func liveConnection(t *testing.T, network, listen, dial string) []evidence.Socket {
	t.Helper()
	listener, err := net.Listen(network, listen)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	at := listener.Addr().(*net.TCPAddr)
	client, err := net.Dial("tcp", net.JoinHostPort(dial, fmt.Sprint(at.Port)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	server, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	_, err = client.Write([]byte("hello"))
	require.NoError(t, err)

	listening := evidence.Socket{Protocol: "tcp", State: evidence.Listen, Local: at.AddrPort(), Remote: end("0.0.0.0:0"), SendQueue: 4096}
	if at.AddrPort().Addr().Is6() {
		listening.Protocol, listening.Remote = "tcp6", end("[::]:0")
	}
	accepted := evidence.Socket{Protocol: listening.Protocol, State: evidence.Established, Local: addrPort(client.RemoteAddr()), Remote: addrPort(client.LocalAddr()), RecvQueue: 5}
	dialled := evidence.Socket{Protocol: "tcp", State: evidence.Established, Local: addrPort(client.LocalAddr()), Remote: addrPort(client.RemoteAddr())}
	if dialled.Local.Addr().Is6() {
		dialled.Protocol = "tcp6"
	}
	return []evidence.Socket{listening, accepted, dialled}
}

func addrPort(a net.Addr) netip.AddrPort { return evidence.Unmap(a.(*net.TCPAddr).AddrPort()) }
