package evidence

import (
	"bytes"
	"math"
	"math/bits"
	"time"
)

// A pcapngLink is what reading a packet needs to know of its interface.
type pcapngLink struct {
	in      int // index in info.Interfaces
	kind    uint16
	snap    uint32
	perSec  uint64 // units of a timestamp in a second
	seconds int64  // to be added
}

func (p *pcapngReader) describe(b []byte) error {
	if len(b) < 8 {
		return p.broken("an interface is too short")
	}
	f := CaptureInterface{LinkType: p.order.u16(b)}
	l := pcapngLink{in: len(p.info.Interfaces), kind: f.LinkType, snap: p.order.u32(b[4:]), perSec: 1e6}
	err := p.options(b[8:], func(code uint16, value []byte) {
		switch {
		case code == 2:
			f.Name = text(value)
		case code == 3:
			f.Description = text(value)
		case code == 9 && len(value) == 1:
			l.perSec = resolution(value[0])
		case code == 14 && len(value) == 8:
			l.seconds = int64(p.order.u64(value))
		}
	})
	if err != nil {
		return err
	}
	if l.perSec == 0 {
		return p.broken("an interface has timestamps of an impossible resolution")
	}
	p.info.Interfaces = append(p.info.Interfaces, f)
	p.links = append(p.links, l)
	return nil
}

// text is an option's text, which some programs end with a zero byte.
func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

// resolution is the number of units in a second, 0 when that is no 64-bit number.
func resolution(v byte) uint64 {
	exponent := v & 0x7f
	if v&0x80 != 0 {
		return 1 << exponent
	}
	if exponent > 19 {
		return 0
	}
	n := uint64(1)
	for range exponent {
		n *= 10
	}
	return n
}

// time is a timestamp of the link as a time.
func (l pcapngLink) time(high, low uint32) time.Time {
	t := uint64(high)<<32 | uint64(low)
	hi, lo := bits.Mul64(t%l.perSec, 1e9)
	ns, _ := bits.Div64(hi, lo, l.perSec)
	seconds := min(t/l.perSec, math.MaxInt64)
	return time.Unix(int64(seconds)+l.seconds, int64(ns))
}

func (p *pcapngReader) statistics(b []byte) error {
	if len(b) < 12 {
		return p.broken("a statistics block is too short")
	}
	l, err := p.link(p.order.u32(b))
	if err != nil {
		return err
	}
	var s CaptureStatistics
	err = p.options(b[12:], func(code uint16, value []byte) {
		if len(value) != 8 {
			return
		}
		n := p.order.u64(value)
		switch code {
		case 4:
			s.Received = &n
		case 5, 7: // by the interface, by the operating system
			if s.Dropped != nil {
				n += *s.Dropped
			}
			s.Dropped = &n
		}
	})
	p.info.Interfaces[l.in].Statistics = &s
	return err
}

// options calls visit with each option of a block.
func (p *pcapngReader) options(b []byte, visit func(code uint16, value []byte)) error {
	for len(b) >= 4 {
		code, length := p.order.u16(b), int(p.order.u16(b[2:]))
		if code == 0 {
			return nil
		}
		if length > len(b)-4 {
			return p.broken("an option is longer than its block")
		}
		visit(code, b[4:4+length])
		b = b[min(len(b), 4+(length+3)&^3):]
	}
	return nil
}

func (p *pcapngReader) link(id uint32) (*pcapngLink, error) {
	if uint64(id) >= uint64(len(p.links)) {
		return nil, p.broken("there is no interface %d", id)
	}
	return &p.links[id], nil
}
