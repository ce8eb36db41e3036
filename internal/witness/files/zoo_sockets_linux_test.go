package files

import (
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// locals: sockets that are not of the Internet.
func (z *zoo) locals() {
	for _, kind := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
		_, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
		z.check(err)
	}
	for _, name := range []string{"listener", "colon:and blank", "@abstract"} {
		l := z.keep(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
		z.check(unix.Bind(l, &unix.SockaddrUnix{Name: name}))
		z.check(unix.Listen(l, 1))
		c := z.keep(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
		z.check(unix.Connect(c, &unix.SockaddrUnix{Name: name}))
	}
	z.keep(unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0))
	for _, protocol := range []int{unix.NETLINK_ROUTE, unix.NETLINK_INET_DIAG, unix.NETLINK_GENERIC, unix.NETLINK_KOBJECT_UEVENT} {
		fd := z.keep(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, protocol))
		z.check(unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	}
	z.keep(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE))
	for _, protocol := range []int{unix.ETH_P_ALL, unix.ETH_P_ARP, 0x1234} {
		z.keep(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(hostToNetwork(protocol))))
	}
	z.keep(unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM, 0))
}

func hostToNetwork(n int) uint16 { return uint16(n)<<8 | uint16(n)>>8 }

// internet: sockets of the Internet that are not TCP, and TCP without a peer.
func (z *zoo) internet() {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		z.keep(unix.Socket(family, unix.SOCK_STREAM, 0))
		z.keep(unix.Socket(family, unix.SOCK_DGRAM, 0))
		z.keep(unix.Socket(family, unix.SOCK_RAW, unix.IPPROTO_TCP))
	}
	z.bind(unix.SOCK_STREAM, "127.0.0.1:16000")
	z.bind(unix.SOCK_DGRAM, "127.0.0.1:5353")
	z.bind(unix.SOCK_DGRAM, "[::]:5354")
	udp := z.bind(unix.SOCK_DGRAM, "127.0.0.1:5355")
	z.check(unix.Connect(udp, sockaddr("127.0.0.1:5353")))
	z.check(os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 0"), 0))
	ping := z.keep(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP))
	z.check(unix.Bind(ping, sockaddr("127.0.0.1:0")))
}

// states: TCP sockets in the states that a process can hold one in.
func (z *zoo) states() {
	for _, at := range []string{"127.0.0.1:12000", "0.0.0.0:12001", "[::1]:12002", "[::]:12003", "[::ffff:127.0.0.1]:12004"} {
		z.listen(at, 5)
	}
	z.connect("127.0.0.1:12000")
	z.connect("[::1]:12002")
	z.connect("127.0.0.1:12003")
	z.connect("[::ffff:127.0.0.1]:12004")
	finWait2, _ := z.pair("127.0.0.1:13000")
	z.check(unix.Shutdown(finWait2, unix.SHUT_WR))

	full := z.listen("127.0.0.1:13001", 0)
	for range 2 {
		// The first connection fills the queue, the second stays in SYN_SENT.
		c := z.keep(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0))
		if err := unix.Connect(c, sockaddr("127.0.0.1:13001")); !errors.Is(err, unix.EINPROGRESS) {
			z.check(err)
		}
		z.check(readable(full))
	}
	l, _ := z.pair("127.0.0.1:13002")
	z.keep(unix.Dup(l))
}

// readable waits until a listener has a connection to accept.
func readable(fd int) error {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(20*time.Second/time.Millisecond))
	if n == 0 && err == nil {
		return unix.ETIMEDOUT
	}
	return err
}

func (z *zoo) bind(kind int, at string) int {
	fd := z.keep(unix.Socket(family(at), kind, 0))
	z.check(unix.Bind(fd, sockaddr(at)))
	return fd
}

func (z *zoo) listen(at string, backlog int) int {
	fd := z.bind(unix.SOCK_STREAM, at)
	z.check(unix.Listen(fd, backlog))
	return fd
}

// connect connects to a listener; nothing needs to be accepted for that.
func (z *zoo) connect(to string) int {
	fd := z.keep(unix.Socket(family(to), unix.SOCK_STREAM, 0))
	z.check(unix.Connect(fd, sockaddr(to)))
	return fd
}

// pair makes both ends of a connection.
func (z *zoo) pair(at string) (client, server int) {
	l := z.listen(at, 1)
	client = z.connect(at)
	z.check(readable(l))
	if z.err != nil {
		return client, -1
	}
	server, _, err := unix.Accept(l)
	z.check(err)
	return client, server
}

func sockaddr(text string) unix.Sockaddr {
	a := netip.MustParseAddrPort(text)
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func family(at string) int {
	if netip.MustParseAddrPort(at).Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
