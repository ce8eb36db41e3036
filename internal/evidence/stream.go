package evidence

import (
	"fmt"
	"net/netip"
	"slices"
)

// A Stream is one direction of a connection, put together from its segments.
type Stream struct {
	Data []byte
	// Gap says what the capture lacks of it; empty if it lacks nothing that the
	// other direction acknowledged.
	Gap string
}

// Reassemble puts together what one endpoint sent, from the segments of one
// connection in a capture (RFC 9293, section 3.4): from its SYN on, without
// holes, as far as the other side acknowledged it. Retransmitted bytes count
// once; bytes that come twice with different content are a gap, since a
// capture cannot tell which of them arrived.
func Reassemble(packets []Packet, from netip.AddrPort) Stream {
	initial, ok := initialNumber(packets, from)
	if !ok {
		return Stream{Gap: fmt.Sprintf("no SYN from %s", from)}
	}
	segments := dataOf(packets, from, initial)
	var s Stream
	for _, seg := range segments {
		if s.Gap == "" {
			s.add(seg)
		}
	}
	if acked := acknowledged(packets, from, initial); s.Gap == "" && acked > int64(len(s.Data)) {
		s.Gap = fmt.Sprintf("%d bytes from %s were acknowledged but not captured", acked-int64(len(s.Data)), from)
	}
	return s
}

// A segment is data at an offset from the stream's first byte.
type segment struct {
	offset int64
	data   []byte
	length int
}

func (s *Stream) add(seg segment) {
	have := int64(len(s.Data))
	switch {
	case seg.length > len(seg.data):
		s.Gap = fmt.Sprintf("a segment of %d bytes was captured only in part", seg.length)
	case seg.offset > have:
		s.Gap = fmt.Sprintf("%d bytes are missing at offset %d", seg.offset-have, have)
	default:
		known := min(have-seg.offset, int64(len(seg.data)))
		if !slices.Equal(s.Data[seg.offset:seg.offset+known], seg.data[:known]) {
			s.Gap = fmt.Sprintf("bytes at offset %d were sent twice with different content", seg.offset)
			return
		}
		s.Data = append(s.Data, seg.data[known:]...)
	}
}

func initialNumber(packets []Packet, from netip.AddrPort) (uint32, bool) {
	for _, p := range packets {
		if p.Source == from && p.Flags.Has(SYN) {
			return p.Seq, true
		}
	}
	return 0, false
}

// dataOf are the endpoint's segments that carry data, in the stream's order.
// Sequence numbers wrap at 2^32; offsets are taken relative to the first byte
// and do not, up to 2 GiB either way.
func dataOf(packets []Packet, from netip.AddrPort, initial uint32) []segment {
	var segments []segment
	for _, p := range packets {
		if p.Source != from || p.Length == 0 {
			continue
		}
		offset := int64(int32(p.Seq - (initial + 1)))
		if p.Flags.Has(SYN) {
			offset++
		}
		if offset < 0 {
			continue // a keep-alive probe repeats the byte before the window
		}
		segments = append(segments, segment{offset: offset, data: p.Payload, length: p.Length})
	}
	slices.SortStableFunc(segments, func(a, b segment) int { return int(a.offset - b.offset) })
	return segments
}

// acknowledged is how many bytes of the endpoint's data the other side has
// acknowledged; a FIN takes a number in the sequence but is no byte.
func acknowledged(packets []Packet, from netip.AddrPort, initial uint32) int64 {
	var acked, end int64
	fin := false
	for _, p := range packets {
		if p.Source == from {
			if p.Flags.Has(FIN) {
				fin, end = true, int64(int32(p.Seq-(initial+1)))+int64(p.Length)
			}
			continue
		}
		if p.Destination == from && p.Flags.Has(ACK) {
			acked = max(acked, int64(int32(p.Ack-(initial+1))))
		}
	}
	if fin && acked == end+1 {
		return end
	}
	return acked
}
