package echo

import (
	"net"

	"golang.org/x/sys/unix"
)

// acknowledge sends the acknowledgement of what was read at once, where the
// kernel would wait 40 ms for something to send it with (TCP_QUICKACK, tcp(7)):
// whoever looks at the sockets of a client that holds sees empty queues. That it
// does not work changes nothing else.
func acknowledge(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1) })
	}
}
