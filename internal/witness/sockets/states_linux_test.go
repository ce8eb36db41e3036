package sockets

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// makeStates fills the namespace with sockets in every state that a socket in
// a hash table can have, all on loopback, where they stay until the test ends.
func makeStates(t testing.TB) {
	t.Helper()
	makeListeners(t)
	makeConnections(t)
	makeHandshakes(t)
	makeEndings(t)
}

// makeListeners: LISTEN with two connections waiting, bound to an interface, of
// another user, on :: for both families, on :: for IPv6 alone, on a mapped
// address.
func makeListeners(t testing.TB) {
	t.Helper()
	newRaw(t, unix.AF_INET).keep().listen("127.0.0.1:12000", 7)
	newRaw(t, unix.AF_INET).keep().dial("127.0.0.1:12000")
	newRaw(t, unix.AF_INET).keep().dial("127.0.0.1:12000")

	bound := newRaw(t, unix.AF_INET).keep()
	require.NoError(t, unix.BindToDevice(bound.fd, "lo"))
	bound.listen("0.0.0.0:12001", 1)
	bound6 := newRaw(t, unix.AF_INET6).keep()
	require.NoError(t, unix.BindToDevice(bound6.fd, "lo"))
	bound6.listen("[::1]:12001", 1)

	foreign := newRaw(t, unix.AF_INET).keep().listen("127.0.0.1:12002", 1)
	require.NoError(t, unix.Fchown(foreign.fd, 1234, -1))

	newRaw(t, unix.AF_INET6).keep().set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0).listen("[::]:12003", 4096)
	newRaw(t, unix.AF_INET6).keep().set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1).listen("[::]:12004", 1)
	newRaw(t, unix.AF_INET6).keep().set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0).listen("[::ffff:127.0.0.1]:12005", 1)
}

// makeConnections: ESTABLISHED with unread data, with unsent data, by IPv6, and
// by IPv4 to an IPv6 socket.
func makeConnections(t testing.TB) {
	t.Helper()
	unread, _ := connect(t, "127.0.0.1:13000")
	unread.write("hello")
	unsent, _ := connect(t, "127.0.0.1:13001")
	unsent.fill()
	connect(t, "[::1]:13002")

	l := newRaw(t, unix.AF_INET6).keep().set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0).listen("[::]:13003", 1)
	newRaw(t, unix.AF_INET).keep().dial("127.0.0.1:13003")
	mapped := l.accept().keep()
	require.NoError(t, unix.Fchown(mapped.fd, 4321, -1))
}

// makeHandshakes: SYN_SENT, to a listener whose queue is full, and SYN_RECV, at
// a listener that waits for data before it makes a socket.
func makeHandshakes(t testing.TB) {
	t.Helper()
	full := newRaw(t, unix.AF_INET).keep().listen("127.0.0.1:14000", 0)
	first := newRaw(t, unix.AF_INET).keep().dial("127.0.0.1:14000")
	first.write("queued")
	_ = full
	newRaw(t, unix.AF_INET).keep().dial("127.0.0.1:14000")

	for _, at := range []string{"127.0.0.1:14001", "[::1]:14001"} {
		newRaw(t, familyOf(at)).keep().set(unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 600).listen(at, 1)
		newRaw(t, familyOf(at)).keep().dial(at)
	}
}

// makeEndings: TIME_WAIT, FIN_WAIT2 with CLOSE_WAIT, FIN_WAIT1 with and without
// an owner, LAST_ACK and CLOSING. A FIN cannot leave before the data that are
// queued before it, and they cannot leave while the peer does not read.
func makeEndings(t testing.TB) {
	t.Helper()
	for _, at := range []string{"127.0.0.1:15000", "[::1]:15000"} {
		l := newRaw(t, familyOf(at)).keep().listen(at, 1)
		client := newRaw(t, familyOf(at)).dial(at)
		server := l.accept()
		client.close()
		server.drain().close()
	}
	half, _ := connect(t, "127.0.0.1:15001")
	half.finish()

	finWait1, _ := connect(t, "127.0.0.1:15002")
	finWait1.fill().finish()

	orphan := newRaw(t, unix.AF_INET)
	l := newRaw(t, unix.AF_INET).keep().listen("127.0.0.1:15003", 1)
	orphan.dial("127.0.0.1:15003")
	l.accept().keep()
	orphan.fill().close()

	client, lastAck := connect(t, "127.0.0.1:15004")
	client.finish()
	lastAck.drain().fill().finish()

	closing, other := connect(t, "127.0.0.1:15005")
	closing.fill().finish()
	other.fill().finish()
	closing.drain()
}

// connect makes a connection through a listener of its own.
func connect(t testing.TB, at string) (client, server raw) {
	t.Helper()
	l := newRaw(t, familyOf(at)).keep().listen(at, 1)
	client = newRaw(t, familyOf(at)).keep().dial(at)
	return client, l.accept().keep()
}
