package report

import "github.com/fourtuple/fourtuple/lab/evidence"

// numbers are a segment's sequence and acknowledgement numbers, counted from
// its connection's initial ones (RFC 9293, section 3.4).
type numbers struct{ seq, ack uint32 }

// numbering remembers the initial sequence numbers of each direction of each
// connection, as Wireshark does: a SYN is number 0; where the SYN was not
// captured, the first number seen counts as 1; and a SYN with another number
// starts a new connection.
type numbering struct {
	initial map[evidence.FourTuple]uint32
}

func newNumbering() numbering {
	return numbering{initial: make(map[evidence.FourTuple]uint32)}
}

// of takes the packets of a capture in their order.
func (n numbering) of(p evidence.Packet) numbers {
	there := p.Tuple()
	back := there.Reverse()
	first, known := n.initial[there]
	syn := p.Flags.Has(evidence.SYN)
	if known && syn && !p.Flags.Has(evidence.ACK) && first != p.Seq {
		delete(n.initial, back)
		known = false
	}
	if !known {
		first = p.Seq
		if !syn {
			first--
		}
		n.initial[there] = first
	}
	if !p.Flags.Has(evidence.ACK) {
		return numbers{seq: p.Seq - first}
	}
	if _, known := n.initial[back]; !known {
		n.initial[back] = p.Ack - 1
	}
	return numbers{seq: p.Seq - first, ack: p.Ack - n.initial[back]}
}
