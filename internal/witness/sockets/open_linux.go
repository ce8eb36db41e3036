package sockets

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// patience is how long the kernel may take for one datagram, in seconds. It
// makes them while it is asked for them, so that none is ever waited for.
const patience = 10

// Open opens the socket table of the calling thread's network namespace. It
// needs no privilege.
func Open() (*Table, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open socket table: %w", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience}); err != nil {
		return nil, errors.Join(fmt.Errorf("open socket table: %w", err), unix.Close(fd))
	}
	return &Table{wire: descriptor(fd)}, nil
}

// A descriptor is the wire of a netlink socket.
type descriptor int

// Send sends one datagram to the kernel.
func (d descriptor) Send(datagram []byte) error {
	return unix.Sendto(int(d), datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// Receive reads one datagram of the kernel; another process's are passed over.
func (d descriptor) Receive(buffer []byte) (int, error) {
	for {
		// MSG_TRUNC makes the kernel give the datagram's true length.
		n, from, err := unix.Recvfrom(int(d), buffer, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOBUFS):
			return 0, errLost
		case errors.Is(err, unix.EAGAIN):
			return 0, fmt.Errorf("no answer from the kernel for %d s", patience)
		case err != nil:
			return 0, err
		}
		if a, ok := from.(*unix.SockaddrNetlink); ok && a.Pid != 0 {
			continue
		}
		if n > len(buffer) {
			return 0, errLost
		}
		return n, nil
	}
}

// Close closes the netlink socket.
func (d descriptor) Close() error { return unix.Close(int(d)) }
