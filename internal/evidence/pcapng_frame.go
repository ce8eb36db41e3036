package evidence

import (
	"encoding/binary"
	"net/netip"
)

// What a frame turned out to be.
type what uint8

const (
	isOther what = iota
	isSegment
	isFragment
	isDamaged
)

// Link types of the registry that pcapng uses.
const (
	linkNull     = 0
	linkEthernet = 1
	linkRaw      = 101
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// Protocols of the link layer (IEEE 802 numbers) and of IP (IANA).
const (
	etherIPv4     = 0x0800
	etherIPv6     = 0x86dd
	etherVLAN     = 0x8100
	etherQinQ     = 0x88a8
	etherOldQinQ  = 0x9100
	protoTCP      = 6
	protoFragment = 44
	protoAH       = 51
)

// A cursor is what is left of a frame: the captured bytes, and how many bytes
// there were on the wire, which may be more. Ethernet pads short frames, so a
// network layer with a length of its own cuts off what is behind it.
type cursor struct {
	data   []byte
	length int
}

// skip steps over n bytes; what is not captured is not there to be read.
func (c cursor) skip(n int) cursor {
	return cursor{data: c.data[min(n, len(c.data)):], length: c.length - n}
}

// end cuts the cursor off after n bytes, of which there are as many or more.
func (c cursor) end(n int) cursor {
	return cursor{data: c.data[:min(n, len(c.data))], length: n}
}

// decode finds the TCP segment in a frame and sets what it says in p. Packets
// are long, and there may be millions: handing them up by value would cost as
// much as all the rest.
func decode(p *Packet, link uint16, data []byte, length int) what {
	c := cursor{data: data, length: length}
	switch link {
	case linkEthernet:
		return c.protocolAt(p, 12, 14)
	case linkSLL:
		return c.protocolAt(p, 14, 16)
	case linkSLL2:
		return c.protocolAt(p, 0, 20)
	case linkNull, linkLoop:
		return c.skip(4).ip(p)
	case linkRaw, linkIPv4, linkIPv6:
		return c.ip(p)
	default:
		return isOther
	}
}

// protocolAt decodes behind a link header of n bytes with its protocol at an
// offset, and behind the VLAN tags that follow it.
func (c cursor) protocolAt(p *Packet, offset, n int) what {
	if len(c.data) < n {
		return isDamaged
	}
	protocol := binary.BigEndian.Uint16(c.data[offset:])
	c = c.skip(n)
	for protocol == etherVLAN || protocol == etherQinQ || protocol == etherOldQinQ {
		if len(c.data) < 4 {
			return isDamaged
		}
		protocol = binary.BigEndian.Uint16(c.data[2:])
		c = c.skip(4)
	}
	switch protocol {
	case etherIPv4:
		return c.ipv4(p)
	case etherIPv6:
		return c.ipv6(p)
	default:
		return isOther
	}
}

// ip decodes a packet that tells its version itself.
func (c cursor) ip(p *Packet) what {
	if len(c.data) == 0 {
		return isDamaged
	}
	switch c.data[0] >> 4 {
	case 4:
		return c.ipv4(p)
	case 6:
		return c.ipv6(p)
	default:
		return isOther
	}
}

// ipv4 decodes RFC 791, section 3.1. A total length of zero is that of a packet
// over 64 KiB that an interface is to cut up (BIG TCP): the frame has its length.
func (c cursor) ipv4(p *Packet) what {
	h := c.data
	if len(h) < 20 || h[0]>>4 != 4 {
		return isDamaged
	}
	header, total := int(h[0]&0xf)*4, int(binary.BigEndian.Uint16(h[2:]))
	if total == 0 {
		total = c.length
	}
	if header < 20 || total < header || total > c.length {
		return isDamaged
	}
	if h[9] != protoTCP {
		return isOther
	}
	if binary.BigEndian.Uint16(h[6:])&0x1fff != 0 {
		return isFragment
	}
	source, destination := netip.AddrFrom4([4]byte(h[12:])), netip.AddrFrom4([4]byte(h[16:]))
	return c.end(total).skip(header).tcp(p, source, destination)
}

// ipv6 decodes RFC 8200, section 3. A payload length of zero is that of a
// jumbogram or of BIG TCP: the frame has its length.
func (c cursor) ipv6(p *Packet) what {
	h := c.data
	if len(h) < 40 || h[0]>>4 != 6 {
		return isDamaged
	}
	length := int(binary.BigEndian.Uint16(h[4:]))
	if length == 0 {
		length = c.length - 40
	}
	if length < 0 || length > c.length-40 {
		return isDamaged
	}
	c = c.end(40 + length).skip(40)
	rest, what := c.extensions(h[6])
	if what != isSegment {
		return what
	}
	return rest.tcp(p, netip.AddrFrom16([16]byte(h[8:])), netip.AddrFrom16([16]byte(h[24:])))
}

// extensions steps over the extension headers (RFC 8200, section 4) up to TCP.
func (c cursor) extensions(protocol byte) (cursor, what) {
	for protocol != protoTCP {
		unit, more := extension(protocol)
		switch {
		case unit == 0:
			return c, isOther
		case len(c.data) < 8:
			return c, isDamaged
		}
		if protocol == protoFragment && binary.BigEndian.Uint16(c.data[2:])&0xfff8 != 0 {
			return c, laterFragment(c.data[0])
		}
		n := unit * (int(c.data[1]) + more)
		if protocol == protoFragment {
			n = 8
		}
		protocol = c.data[0]
		c = c.skip(n)
	}
	return c, isSegment
}

// extension is the unit of an extension header's length in bytes, and how many
// units more there are than the header says; 0 for what is no such header.
func extension(protocol byte) (unit, more int) {
	switch protocol {
	case 0, 43, 60, 135, 139, 140, protoFragment: // options, routing, mobility, HIP, shim6
		return 8, 1
	case protoAH:
		return 4, 2
	default:
		return 0, 0
	}
}

// laterFragment tells whether what was cut up was TCP, or may have been: behind
// the first fragment's options only that one knows.
func laterFragment(protocol byte) what {
	if unit, _ := extension(protocol); protocol == protoTCP || unit != 0 {
		return isFragment
	}
	return isOther
}
