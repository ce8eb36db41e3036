package evidence

import (
	"time"
)

// A frame is one captured frame, with what its block says of it.
type frame struct {
	link *pcapngLink
	time time.Time
	// data are the captured bytes, length is the frame's length on the wire.
	data   []byte
	length int
}

// packet reads an enhanced packet block or its obsolete ancestor, which has two
// short numbers where the other has the interface.
func (p *pcapngReader) packet(kind uint32, b []byte) error {
	if len(b) < 20 {
		return p.broken("a packet is too short")
	}
	id := p.order.u32(b)
	if kind == blockOldPacket {
		id = uint32(p.order.u16(b))
	}
	link, err := p.link(id)
	if err != nil {
		return err
	}
	captured, length := p.order.u32(b[12:]), p.order.u32(b[16:])
	if uint64(captured) > uint64(len(b)-20) {
		return p.broken("a packet is longer than its block")
	}
	return p.frame(frame{
		link:   link,
		time:   link.time(p.order.u32(b[4:]), p.order.u32(b[8:])),
		data:   b[20 : 20+captured],
		length: int(max(captured, length)),
	})
}

// simple reads a simple packet block, which has no time and belongs to the
// section's first interface.
func (p *pcapngReader) simple(b []byte) error {
	if len(b) < 4 {
		return p.broken("a packet is too short")
	}
	link, err := p.link(0)
	if err != nil {
		return err
	}
	length := p.order.u32(b)
	data := b[4:]
	if link.snap != 0 {
		data = data[:min(uint32(len(data)), link.snap)]
	}
	return p.frame(frame{link: link, data: data[:min(uint32(len(data)), length)], length: int(length)})
}

// frame counts one frame and visits its segment if it has one.
func (p *pcapngReader) frame(f frame) error {
	in := &p.info.Interfaces[f.link.in]
	p.info.Frames++
	in.Frames++
	var s Packet
	switch decode(&s, f.link.kind, f.data, f.length) {
	case isSegment:
		s.Time, s.Number, s.Interface, s.FrameLength = f.time, p.info.Frames, in.Name, f.length
		p.kept.keep(&s)
		return p.visit(s)
	case isFragment:
		p.info.Fragments++
	case isDamaged:
		p.info.Damaged++
	default:
		p.info.Other++
	}
	return nil
}

// A keeper copies options and payloads out of the buffer that is about to be
// used again, many into one piece of memory.
type keeper []byte

// keep gives the packet copies of its parts of the buffer.
func (k *keeper) keep(p *Packet) {
	n := len(p.Options) + len(p.Payload)
	if n > cap(*k)-len(*k) {
		*k = make([]byte, 0, max(64<<10, n))
	}
	start := len(*k)
	*k = append(append(*k, p.Options...), p.Payload...)
	middle, end := start+len(p.Options), start+n
	p.Options, p.Payload = (*k)[start:middle:middle], (*k)[middle:end:end]
}
