package capture

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// A packet is one message of the socket.
type packet struct {
	// data is valid until the next receive.
	data []byte
	// length is that of the packet as it passed, of which data is the beginning.
	length    int
	index     int
	direction direction
	// time is zero where the kernel did not stamp the packet.
	time time.Time
	// network is the offset of the network header in data.
	network int
	// tag is the VLAN tag that the kernel took out of the frame, in network
	// byte order; tagged says whether there is one.
	tag    [4]byte
	tagged bool
	// comment is written beside the packet.
	comment string
}

// unstampedComment is what a packet says that carries the time of its reading.
const unstampedComment = "time of reading: the kernel was not stamping packets yet"

// packet writes one packet of interface id.
func (b *blocks) packet(id int, p packet) {
	start := b.begin(blockPacket)
	b.u32(uint32(id))
	b.time(p.time)
	captured := len(*b)
	b.u32(0)
	b.u32(0)
	n := b.frame(p)
	binary.LittleEndian.PutUint32((*b)[captured:], uint32(n))
	binary.LittleEndian.PutUint32((*b)[captured+4:], uint32(max(n, p.length+n-len(p.data))))
	b.pad(n)
	b.u16(packetFlags)
	b.u16(4)
	b.u32(uint32(p.direction))
	if p.comment != "" {
		b.text(optionComment, p.comment)
	}
	b.endOptions()
	b.end(start)
}

// frame writes the frame, with its VLAN tag back in its place, and returns how
// many bytes it wrote.
func (b *blocks) frame(p packet) int {
	const addresses = 12
	if !p.tagged || len(p.data) < addresses {
		*b = append(*b, p.data...)
		return len(p.data)
	}
	*b = append(*b, p.data[:addresses]...)
	*b = append(*b, p.tag[:]...)
	*b = append(*b, p.data[addresses:]...)
	return len(p.data) + len(p.tag)
}

// withoutLink is the packet without its link layer.
func (p packet) withoutLink() packet {
	n := min(p.network, len(p.data))
	p.data, p.length, p.tagged = p.data[n:], p.length-n, false
	return p
}

// readControl takes time, network header and VLAN tag from the control
// messages of a packet (packet(7), PACKET_AUXDATA; timestamping.rst of Linux).
func (p *packet) readControl(control []byte) {
	for len(control) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return
		}
		switch {
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SO_TIMESTAMPING_NEW:
			p.readTime(data)
		case header.Level == unix.SOL_PACKET && header.Type == unix.PACKET_AUXDATA:
			p.readAuxiliary(data)
		}
		control = rest
	}
}

// readTime reads the first of three struct __kernel_timespec.
func (p *packet) readTime(data []byte) {
	if len(data) < 16 {
		return
	}
	s, ns := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
	if s != 0 || ns != 0 {
		p.time = time.Unix(int64(s), int64(ns))
	}
}

// readAuxiliary reads a struct tpacket_auxdata: status, len and snaplen of 32
// bits, mac, net, vlan_tci and vlan_tpid of 16.
func (p *packet) readAuxiliary(data []byte) {
	if len(data) < 20 {
		return
	}
	status := binary.NativeEndian.Uint32(data)
	p.network = int(binary.NativeEndian.Uint16(data[14:]))
	if status&unix.TP_STATUS_VLAN_VALID == 0 {
		return
	}
	p.tagged = true
	protocol := uint16(unix.ETH_P_8021Q)
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		protocol = binary.NativeEndian.Uint16(data[18:])
	}
	binary.BigEndian.PutUint16(p.tag[:], protocol)
	binary.BigEndian.PutUint16(p.tag[2:], binary.NativeEndian.Uint16(data[16:]))
}
