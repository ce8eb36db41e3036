package capture

import (
	"encoding/binary"
	"net"
	"testing"
	"unsafe"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	ip4Source, ip4Destination = net.IP{10, 12, 1, 1}, net.IP{10, 12, 1, 2}
	ip6Source, ip6Destination = net.ParseIP("fd12::1"), net.ParseIP("fd12::2")
)

// frame serializes layers, with lengths and checksums set.
func frame(t testing.TB, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	for _, layer := range l {
		if tcp, ok := layer.(*layers.TCP); ok {
			require.NoError(t, tcp.SetNetworkLayerForChecksum(&layers.IPv4{SrcIP: ip4Source, DstIP: ip4Destination}))
		}
	}
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, l...))
	return b.Bytes()
}

func ethernet(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{
		SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: kind,
	}
}

func ip4(protocol layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: protocol, SrcIP: ip4Source, DstIP: ip4Destination}
}

func ip6(protocol layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: ip6Source, DstIP: ip6Destination}
}

// syn is a SYN with a sequence number, to a port where nobody listens.
func syn(number uint32) *layers.TCP {
	return &layers.TCP{SrcPort: 40000, DstPort: 9, Seq: number, SYN: true, Window: 1000}
}

// synFrame is a whole frame with a SYN.
func synFrame(t testing.TB, number uint32) []byte {
	return frame(t, ethernet(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), syn(number))
}

// A sender puts frames on an interface.
type sender struct {
	t  testing.TB
	fd int
	to unix.SockaddrLinklayer
}

func (h host) sender(name string) sender {
	h.t.Helper()
	s := sender{t: h.t}
	var err error
	h.on(func() {
		link, linkErr := netlink.LinkByName(name)
		require.NoError(h.t, linkErr)
		s.to.Ifindex = link.Attrs().Index
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	})
	require.NoError(h.t, err)
	h.t.Cleanup(func() { unix.Close(s.fd) })
	return s
}

// send returns when the frame has passed the interface's outgoing side.
func (s sender) send(frame []byte) {
	s.t.Helper()
	to := s.to
	if len(frame) >= 14 {
		to.Protocol = binary.NativeEndian.Uint16(frame[12:])
	}
	require.NoError(s.t, unix.Sendto(s.fd, frame, 0, &to))
}

// sendMany sends a frame up to n times by one system call, and returns how many
// times that was.
func (s sender) sendMany(frame []byte, n int) int {
	s.t.Helper()
	to := unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Protocol: binary.NativeEndian.Uint16(frame[12:]), Ifindex: int32(s.to.Ifindex)}
	vector := unix.Iovec{Base: &frame[0]}
	vector.SetLen(len(frame))
	messages := make([]message, min(n, 1024))
	for i := range messages {
		messages[i].header = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&to)), Namelen: unix.SizeofSockaddrLinklayer, Iov: &vector}
		messages[i].header.SetIovlen(1)
	}
	sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), 0, 0, 0)
	require.Zero(s.t, errno)
	return int(sent)
}
