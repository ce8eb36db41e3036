package capture

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// openSocket makes a packet socket that is not bound yet, and so receives
// nothing before its filter is in place.
func openSocket(backlog int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := prepare(fd, backlog); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare sets the socket's options. Timestamps come first: the kernel takes a
// while to switch them on.
func prepare(fd, backlog int) error {
	const stamps = unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_RX_SOFTWARE
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, stamps); err != nil {
		return os.NewSyscallError("ask for timestamps", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return os.NewSyscallError("ask for auxiliary data", err)
	}
	// The kernel doubles the number it is given, and counts its overhead in.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, backlog/2) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, backlog/2); err != nil {
			return os.NewSyscallError("set the backlog", err)
		}
	}
	filter, err := tcpFilter()
	if err != nil {
		return err
	}
	return attach(fd, filter)
}

func attach(fd int, filter []bpf.RawInstruction) error {
	raw := make([]unix.SockFilter, len(filter))
	for i, r := range filter {
		raw[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	program := unix.SockFprog{Len: uint16(len(raw)), Filter: &raw[0]}
	return os.NewSyscallError("attach the filter", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program))
}

// goLive binds the socket to all interfaces.
func goLive(fd int) error {
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // in network byte order
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all}))
}

// linkType is the pcapng link type of an interface of the socket's namespace:
// frames of Ethernet and loopback are Ethernet's, all others are kept without
// their link layer.
func linkType(fd int, i evidence.Interface) (uint16, error) {
	request, err := unix.NewIfreq(i.Name)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", i.Name, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, fmt.Errorf("interface %s: %w", i.Name, err)
	}
	if index := int(request.Uint32()); index != i.Index {
		return 0, fmt.Errorf("interface %s has index %d, not %d", i.Name, index, i.Index)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, request); err != nil {
		return 0, fmt.Errorf("interface %s: %w", i.Name, err)
	}
	switch request.Uint16() {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return linkEthernet, nil
	default:
		return linkRaw, nil
	}
}
