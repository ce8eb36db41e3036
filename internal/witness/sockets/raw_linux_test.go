package sockets

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A raw is a TCP socket as system calls know it: the tests below want states
// that package net does its best to avoid.
type raw struct {
	t  testing.TB
	fd int
}

func newRaw(t testing.TB, family int) raw {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	return raw{t, fd}
}

// keep closes the socket at the end of the test.
func (r raw) keep() raw {
	r.t.Cleanup(func() { _ = unix.Close(r.fd) })
	return r
}

func (r raw) set(level, option, value int) raw {
	r.t.Helper()
	require.NoError(r.t, unix.SetsockoptInt(r.fd, level, option, value))
	return r
}

func (r raw) listen(at string, backlog int) raw {
	r.t.Helper()
	require.NoError(r.t, unix.Bind(r.fd, sockaddr(at)))
	require.NoError(r.t, unix.Listen(r.fd, backlog))
	return r
}

// dial begins to connect and does not wait.
func (r raw) dial(to string) raw {
	r.t.Helper()
	err := unix.Connect(r.fd, sockaddr(to))
	if err != nil {
		require.ErrorIs(r.t, err, unix.EINPROGRESS)
	}
	return r
}

func (r raw) accept() raw {
	r.t.Helper()
	var fd int
	r.eventually(func() (err error) {
		fd, _, err = unix.Accept4(r.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		return err
	})
	return raw{r.t, fd}
}

func (r raw) write(text string) raw {
	r.t.Helper()
	r.eventually(func() error { _, err := unix.Write(r.fd, []byte(text)); return err })
	return r
}

// fill writes until the connection takes no more.
func (r raw) fill() raw {
	r.t.Helper()
	r.write("first")
	for range 1000 {
		if _, err := unix.Write(r.fd, make([]byte, 64<<10)); errors.Is(err, unix.EAGAIN) {
			return r
		}
	}
	r.t.Fatal("the connection is never full")
	return r
}

// drain reads to the peer's end of the stream.
func (r raw) drain() raw {
	r.t.Helper()
	buffer := make([]byte, 1<<20)
	r.eventually(func() error {
		n, err := unix.Read(r.fd, buffer)
		if err == nil && n > 0 {
			return unix.EAGAIN
		}
		return err
	})
	return r
}

func (r raw) finish() raw {
	r.t.Helper()
	r.eventually(func() error { return unix.Shutdown(r.fd, unix.SHUT_WR) })
	return r
}

func (r raw) close() {
	r.t.Helper()
	require.NoError(r.t, unix.Close(r.fd))
}

// eventually repeats a call that is not ready yet.
func (r raw) eventually(call func() error) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := call()
		if err == nil {
			return
		}
		notYet := errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.EINTR)
		require.True(r.t, notYet && time.Now().Before(deadline), "call on socket: %v", err)
		time.Sleep(time.Millisecond)
	}
}

func sockaddr(text string) unix.Sockaddr {
	a := netip.MustParseAddrPort(text)
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func familyOf(at string) int {
	if netip.MustParseAddrPort(at).Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
