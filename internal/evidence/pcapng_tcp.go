package evidence

import (
	"encoding/binary"
	"net/netip"
)

// tcpHeader is the length of a TCP header without options, in bytes.
const tcpHeader = 20

// tcp decodes RFC 9293, section 3.1.
func (c cursor) tcp(p *Packet, source, destination netip.Addr) what {
	h := c.data
	if len(h) < tcpHeader {
		return isDamaged
	}
	header := int(h[12]>>4) * 4
	if header < tcpHeader || c.length < header {
		return isDamaged
	}
	data := c.skip(header)
	p.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(h))
	p.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(h[2:]))
	p.Seq = binary.BigEndian.Uint32(h[4:])
	p.Ack = binary.BigEndian.Uint32(h[8:])
	p.Flags = Flags(binary.BigEndian.Uint16(h[12:]) & 0xfff)
	p.Window = binary.BigEndian.Uint16(h[14:])
	p.Urgent = binary.BigEndian.Uint16(h[18:])
	p.HeaderLength = uint8(header)
	p.Options = h[tcpHeader:min(header, len(h))]
	p.Payload, p.Length = data.data, data.length
	return isSegment
}
