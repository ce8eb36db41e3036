package witness

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// waitingBytes is how much memory packets may take in the kernel until they
	// are read, with some 700 bytes of its own a packet. Without CAP_NET_ADMIN in
	// the first user namespace it allows no more than twice net.core.rmem_max.
	waitingBytes = 64 << 20
	// frameBytes holds the largest IP packet. BIG TCP's are longer, and cut off.
	frameBytes = 66 << 10
)

// openPacketSocket makes a packet socket (packet(7)) that receives what passes
// any interface, either way.
func openPacketSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1)
	// The kernel doubles the size that it is given.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, waitingBytes/2) != nil && err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, waitingBytes/2)
	}
	if err == nil {
		awaitTimestamps()
		all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // in network byte order
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all})
	}
	if err != nil {
		return -1, errors.Join(os.NewSyscallError("set up a packet socket", err), unix.Close(fd))
	}
	return fd, nil
}

// awaitTimestamps returns when the kernel stamps packets as they pass. It begins
// to do so some milliseconds after the first socket of the machine asked for it;
// until then packets get the time at which they are read, and seem to pass in
// another order than they did. A datagram on lo shows how it is; where lo lets
// none pass, nothing is waited for.
func awaitTimestamps() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	const stamps = unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_RX_SOFTWARE
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, stamps)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000})
	_ = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	self, err := unix.Getsockname(fd)
	for range 1000 {
		if err != nil || unix.Sendto(fd, []byte{0}, 0, self) != nil {
			return
		}
		var control [128]byte
		var n int
		if _, n, _, _, err = unix.Recvmsg(fd, nil, control[:], 0); n > 0 {
			return
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// refuseAll makes the socket receive nothing more; what waits in it stays. The
// filter is one instruction: return 0. To unbind the socket would take 10 ms.
func refuseAll(fd int) error {
	instruction := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	program := unix.SockFprog{Len: 1, Filter: &instruction}
	return os.NewSyscallError("attach a filter", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program))
}

// A frame is one packet as it was received. Of its length on the wire, data may
// have less.
type frame struct {
	data    []byte
	length  int
	time    time.Time
	address *unix.SockaddrLinklayer
}

// receive reads a frame into the buffer; false when none waits.
func receive(fd int, buffer []byte) (frame, bool, error) {
	var control [64]byte
	n, nc, _, from, err := unix.Recvmsg(fd, buffer, control[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
	if errors.Is(err, unix.EAGAIN) {
		return frame{}, false, nil
	}
	if err != nil {
		return frame{}, false, os.NewSyscallError("receive", err)
	}
	address, _ := from.(*unix.SockaddrLinklayer)
	return frame{buffer[:min(n, len(buffer))], n, timestamp(control[:nc]), address}, true, nil
}

// timestamp is the kernel's time in a packet's control message, a struct
// __kernel_timespec; now where there is none.
func timestamp(control []byte) time.Time {
	h, data, _, err := unix.ParseOneSocketControlMessage(control)
	if err != nil || h.Level != unix.SOL_SOCKET || h.Type != unix.SO_TIMESTAMPNS_NEW || len(data) < 16 {
		return time.Now()
	}
	return time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:])))
}
