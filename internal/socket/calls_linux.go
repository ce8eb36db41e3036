package socket

import (
	"errors"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A result is what became of a call.
type result struct {
	call    string // the call's name in the manual
	socket  string
	fd      int
	value   int64
	errno   unix.Errno
	waiting bool
	local   netip.AddrPort
	remote  netip.AddrPort
	payload []byte

	// How it looks to strace: the call's own name, and its arguments.
	traced    string
	arguments string
	within    time.Duration
}

// A call is one that is to be made.
type call struct {
	prompt *prompt
	line   *line
	socket *socket
	to     unix.Sockaddr
}

// calls makes each call that a line can be.
var calls = map[string]func(call) result{
	"socket":      call.open,
	"bind":        call.bind,
	"listen":      call.listen,
	"accept":      call.accept,
	"connect":     call.connect,
	"send":        call.send,
	"recv":        call.recv,
	"sendto":      call.sendTo,
	"recvfrom":    call.recvFrom,
	"shutdown":    call.shutdown,
	"close":       call.close,
	"setsockopt":  call.setsockopt,
	"getsockname": call.getsockname,
	"getpeername": call.getpeername,
	"fork":        call.fork,
	"exit":        call.exit,
}

// answered begins a result of a call on the socket; the arguments are those that
// follow the descriptor.
func (c call) answered(name string, value int, err error, arguments string) result {
	r := result{
		call: name, traced: name, socket: c.prompt.name(c.socket), fd: c.socket.FD, value: int64(value),
		arguments: strconv.Itoa(c.socket.FD), within: c.line.within,
	}
	if arguments != "" {
		r.arguments += ", " + arguments
	}
	if err != nil {
		r.errno, r.value = errno(err), -1
	}
	return r
}

// errno is the number of a call's error; package unix has no others.
func errno(err error) unix.Errno {
	var number unix.Errno
	if !errors.As(err, &number) {
		return unix.EINVAL
	}
	return number
}

// untilAnswered makes a call again and again while it answers that it would have
// to wait, whenever poll(2) says that it may have more to say, and tells whether
// it still waits after the time.
func untilAnswered(fd int, events int16, within time.Duration, make func() error) (waiting bool, err error) {
	deadline := time.Now().Add(within)
	for {
		err := make()
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.EALREADY):
			return false, err
		}
		if ready, err := poll(fd, events, deadline); err != nil || ready == 0 {
			return err == nil, err
		}
	}
}

// poll waits until a descriptor is ready, and tells for what, or until the time
// is over.
func poll(fd int, events int16, deadline time.Time) (ready int16, err error) {
	for {
		// Rounded up, so that the last wait is no busy one.
		left := (time.Until(deadline) + time.Millisecond - 1).Milliseconds()
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		if _, err := unix.Poll(fds, int(max(left, 0))); !errors.Is(err, unix.EINTR) {
			return fds[0].Revents, err
		}
	}
}

func (c call) open() result {
	kind := c.line.kind
	domain, family := unix.AF_INET, "AF_INET"
	if kind == "tcp6" || kind == "udp6" {
		domain, family = unix.AF_INET6, "AF_INET6"
	}
	style, name := unix.SOCK_STREAM, "SOCK_STREAM"
	if kind == "udp" || kind == "udp6" {
		style, name = unix.SOCK_DGRAM, "SOCK_DGRAM"
	}
	fd, err := unix.Socket(domain, style|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_IP)
	r := result{
		call: "socket", traced: "socket", value: int64(fd),
		arguments: family + ", " + name + "|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP",
	}
	if err != nil {
		r.errno, r.value = errno(err), -1
		return r
	}
	s := &socket{FD: fd, Kind: kind}
	c.prompt.add(s, c.line.name)
	r.fd, r.socket = fd, c.prompt.name(s)
	return r
}

func (c call) bind() result {
	err := unix.Bind(c.socket.FD, c.to)
	r := c.answered("bind", 0, err, traceAddress(c.to)+", "+addressLength(c.to))
	if r.local = endpoint(c.to); err == nil {
		r.local = localEnd(c.socket.FD) // with the port that the kernel chose for 0
	}
	return r
}

func (c call) listen() result {
	err := unix.Listen(c.socket.FD, c.line.backlog)
	r := c.answered("listen", 0, err, strconv.Itoa(c.line.backlog))
	if err == nil {
		c.socket.Listens = true
		r.local = localEnd(c.socket.FD)
	}
	return r
}

func (c call) accept() result {
	var fd int
	var from unix.Sockaddr
	waiting, err := untilAnswered(c.socket.FD, unix.POLLIN, c.line.within, func() (err error) {
		fd, from, err = unix.Accept4(c.socket.FD, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return err
	})
	arguments := "..., [...]"
	if err == nil && !waiting {
		arguments = traceAddress(from) + ", [" + addressLength(from) + "]"
	}
	r := c.answered("accept", fd, err, arguments+", SOCK_CLOEXEC|SOCK_NONBLOCK")
	r.traced = "accept4"
	if r.waiting = waiting; waiting || err != nil {
		return r.unanswered()
	}
	c.prompt.add(&socket{FD: fd, Kind: c.socket.Kind, Connects: true}, c.line.name)
	r.local, r.remote = localEnd(fd), endpoint(from)
	return r
}

func (c call) connect() result {
	waiting, err := untilAnswered(c.socket.FD, unix.POLLOUT, c.line.within, func() error {
		return unix.Connect(c.socket.FD, c.to)
	})
	r := c.answered("connect", 0, err, traceAddress(c.to)+", "+addressLength(c.to))
	r.waiting, r.remote = waiting, endpoint(c.to)
	if err == nil {
		c.socket.Connects = true
		r.local = localEnd(c.socket.FD)
	}
	return r.unanswered()
}

// send is answered by how many bytes it sent, if it sent any, whatever came then.
func (c call) send() result {
	sent, waiting, err := c.sendAll()
	if sent > 0 {
		err = nil
	}
	r := c.answered("send", sent, err, traceData(c.line.data)+", "+strconv.Itoa(len(c.line.data))+", 0, NULL, 0")
	r.traced, r.waiting, r.payload = "sendto", waiting, c.line.data[:sent]
	return r.between(c.socket.FD).unanswered()
}

// sendAll sends all, as a blocking call does: what could not be sent at once is
// sent when there is room. An error that comes after a part is left for the next
// call.
func (c call) sendAll() (sent int, waiting bool, err error) {
	fd, data, deadline := c.socket.FD, c.line.data, time.Now().Add(c.line.within)
	for {
		n, err := unix.SendmsgN(fd, data[sent:], nil, nil, 0)
		sent += max(n, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case sent == len(data), err != nil && !errors.Is(err, unix.EAGAIN):
			return sent, false, err
		}
		ready, err := poll(fd, unix.POLLOUT, deadline)
		if err != nil || ready == 0 || sent > 0 && ready&(unix.POLLERR|unix.POLLHUP) != 0 {
			return sent, sent == 0, err
		}
	}
}

func (c call) sendTo() result {
	n := 0
	waiting, err := untilAnswered(c.socket.FD, unix.POLLOUT, c.line.within, func() (err error) {
		n, err = unix.SendmsgN(c.socket.FD, c.line.data, nil, c.to, 0)
		return err
	})
	r := c.answered("sendto", n, err, traceData(c.line.data)+", "+strconv.Itoa(len(c.line.data))+", 0, "+traceAddress(c.to)+", "+addressLength(c.to))
	r.waiting, r.local, r.remote, r.payload = waiting, localEnd(c.socket.FD), endpoint(c.to), c.line.data[:max(n, 0)]
	return r.unanswered()
}

func (c call) recv() result {
	data, _, waiting, err := c.receive()
	r := c.answered("recv", len(data), err, c.received(data, waiting, err)+", NULL, NULL")
	r.traced, r.waiting, r.payload = "recvfrom", waiting, data
	return r.between(c.socket.FD).unanswered()
}

func (c call) recvFrom() result {
	data, from, waiting, err := c.receive()
	sender := "NULL, NULL"
	if from != nil {
		sender = traceAddress(from) + ", [" + addressLength(from) + "]"
	}
	r := c.answered("recvfrom", len(data), err, c.received(data, waiting, err)+", "+sender)
	if r.waiting, r.payload = waiting, data; from == nil {
		return r.between(c.socket.FD).unanswered()
	}
	r.local, r.remote = localEnd(c.socket.FD), endpoint(from)
	return r.unanswered()
}

func (c call) receive() (data []byte, from unix.Sockaddr, waiting bool, err error) {
	buffer, n := make([]byte, c.line.size), 0
	waiting, err = untilAnswered(c.socket.FD, unix.POLLIN, c.line.within, func() (err error) {
		n, from, err = unix.Recvfrom(c.socket.FD, buffer, 0)
		return err
	})
	return buffer[:max(n, 0)], from, waiting, err
}

// received is how strace shows what came; where nothing did, strace shows an
// address in memory.
func (c call) received(data []byte, waiting bool, err error) string {
	text := "..."
	if !waiting && err == nil {
		text = traceData(data)
	}
	return text + ", " + strconv.Itoa(c.line.size) + ", 0"
}

func (c call) shutdown() result {
	ways := map[string]int{"RD": unix.SHUT_RD, "WR": unix.SHUT_WR, "RDWR": unix.SHUT_RDWR}
	before := result{}.between(c.socket.FD)
	err := unix.Shutdown(c.socket.FD, ways[c.line.how])
	r := c.answered("shutdown", 0, err, "SHUT_"+c.line.how)
	r.local, r.remote = before.local, before.remote
	return r
}

func (c call) close() result {
	before := result{}.between(c.socket.FD)
	err := unix.Close(c.socket.FD)
	r := c.answered("close", 0, err, "")
	r.local, r.remote = before.local, before.remote
	c.prompt.remove(c.socket)
	return r
}

// constants are the options' numbers.
var constants = map[string]int{
	"SOL_SOCKET": unix.SOL_SOCKET, "SOL_IP": unix.SOL_IP, "SOL_IPV6": unix.SOL_IPV6, "SOL_TCP": unix.SOL_TCP,
	"SO_REUSEADDR": unix.SO_REUSEADDR, "SO_REUSEPORT": unix.SO_REUSEPORT, "SO_KEEPALIVE": unix.SO_KEEPALIVE, "SO_LINGER": unix.SO_LINGER,
	"SO_RCVBUF": unix.SO_RCVBUF, "SO_SNDBUF": unix.SO_SNDBUF, "IPV6_V6ONLY": unix.IPV6_V6ONLY,
	"TCP_NODELAY": unix.TCP_NODELAY, "TCP_USER_TIMEOUT": unix.TCP_USER_TIMEOUT,
	"TCP_KEEPIDLE": unix.TCP_KEEPIDLE, "TCP_KEEPINTVL": unix.TCP_KEEPINTVL, "TCP_KEEPCNT": unix.TCP_KEEPCNT,
	"IP_BIND_ADDRESS_NO_PORT": unix.IP_BIND_ADDRESS_NO_PORT, "IP_LOCAL_PORT_RANGE": unix.IP_LOCAL_PORT_RANGE,
}

func (c call) setsockopt() result {
	o, value := c.line.option, c.line.value
	level, number := constants[o.level], constants[o.constant]
	if len(value) == 2 {
		err := unix.SetsockoptLinger(c.socket.FD, level, number, &unix.Linger{Onoff: int32(value[0]), Linger: int32(value[1])})
		return c.answered("setsockopt", 0, err, o.level+", "+o.constant+", {l_onoff="+strconv.Itoa(value[0])+", l_linger="+strconv.Itoa(value[1])+"}, 8")
	}
	err := unix.SetsockoptInt(c.socket.FD, level, number, value[0])
	return c.answered("setsockopt", 0, err, o.level+", "+o.constant+", ["+strconv.Itoa(value[0])+"], 4")
}

func (c call) getsockname() result {
	at, err := unix.Getsockname(c.socket.FD)
	r := c.answered("getsockname", 0, err, traceEnd(at, err))
	r.local = endpoint(at)
	return r
}

func (c call) getpeername() result {
	at, err := unix.Getpeername(c.socket.FD)
	r := c.answered("getpeername", 0, err, traceEnd(at, err))
	r.remote = endpoint(at)
	return r
}

func (c call) exit() result {
	return result{call: "exit", traced: "exit", arguments: "0"}
}

// between is the result with the two ends that the socket has, as far as it has
// them.
func (r result) between(fd int) result {
	r.local = localEnd(fd)
	if at, err := unix.Getpeername(fd); err == nil {
		r.remote = endpoint(at)
	}
	return r
}

// unanswered takes away what a call that waits has not answered.
func (r result) unanswered() result {
	if r.waiting {
		r.value = 0
	}
	return r
}

// localEnd is the socket's own end; not valid while it has none.
func localEnd(fd int) netip.AddrPort {
	at, err := unix.Getsockname(fd)
	if end := endpoint(at); err == nil && end.Port() != 0 {
		return end
	}
	return netip.AddrPort{}
}

// endpoint is an address as evidence has it: IPv4-mapped ones are IPv4's
// (RFC 4291, 2.5.5.2).
func endpoint(at unix.Sockaddr) netip.AddrPort {
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(at.Addr).Unmap(), uint16(at.Port))
	}
	return netip.AddrPort{}
}
