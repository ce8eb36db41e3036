package report

import "github.com/fourtuple/fourtuple/internal/evidence"

// numbers are what a segment's numbers mean in its connection.
type numbers struct {
	// seq and ack count from the connection's initial numbers (RFC 9293,
	// section 3.4).
	seq, ack uint32
	// window is in bytes, if the connection's window scale is known, and else
	// the header's number.
	window uint32
	// edge is the initial number of the direction that is acknowledged.
	edge uint32
}

// numbering remembers what each connection began with, as Wireshark 4.0 does: a
// SYN with a number that is not its direction's first begins another connection
// between the same endpoints.
type numbering struct {
	talks map[evidence.FourTuple]*talk
}

// A talk is what two endpoints have told so far, one flow for each direction.
type talk struct{ flows [2]flow }

// A flow is one direction. A SYN is number 0; where the SYN was not captured,
// the first number seen counts as 1.
type flow struct {
	initial uint32
	known   bool // whether there is an initial number
	scaling scaling
	shift   uint8
}

// scaling tells whether a flow's windows are scaled (RFC 7323, section 2).
type scaling uint8

const (
	scalingUnknown scaling = iota // no SYN was captured that tells it
	notScaled
	scaled
)

func newNumbering() numbering {
	return numbering{talks: make(map[evidence.FourTuple]*talk)}
}

// of takes the packets of a capture in their order.
func (n numbering) of(p evidence.Packet) numbers {
	t := n.talk(p)
	forth, back := t.directions(p)
	if opens(p) && forth.known && forth.initial != p.Seq {
		*t = talk{}
	}
	t.begin(p)
	means := numbers{seq: p.Seq - forth.initial, window: forth.window(p), edge: back.initial}
	if p.Flags.Has(evidence.ACK) {
		means.ack = p.Ack - back.initial
	}
	t.negotiate(p)
	return means
}

// talk finds a packet's connection, whichever its direction.
func (n numbering) talk(p evidence.Packet) *talk {
	ends := p.Tuple()
	if greater(ends) {
		ends = ends.Reverse()
	}
	t := n.talks[ends]
	if t == nil {
		t = &talk{}
		n.talks[ends] = t
	}
	return t
}

func greater(t evidence.FourTuple) bool { return t.Source.Compare(t.Destination) > 0 }

// directions are the packet's own flow and the other one.
func (t *talk) directions(p evidence.Packet) (forth, back *flow) {
	if greater(p.Tuple()) {
		return &t.flows[1], &t.flows[0]
	}
	return &t.flows[0], &t.flows[1]
}

func opens(p evidence.Packet) bool {
	return p.Flags.Has(evidence.SYN) && !p.Flags.Has(evidence.ACK)
}

// begin sets the initial numbers that the packet is the first to tell.
func (t *talk) begin(p evidence.Packet) {
	forth, back := t.directions(p)
	switch syn := p.Flags.Has(evidence.SYN); {
	case syn && (p.Flags.Has(evidence.ACK) || !forth.known):
		forth.initial = p.Seq
	case !forth.known:
		forth.initial = p.Seq - 1
	}
	forth.known = true
	if p.Flags.Has(evidence.ACK) && !back.known {
		back.initial, back.known = p.Ack-1, true
	}
}

// window is the packet's window; those of SYNs are never scaled.
func (f *flow) window(p evidence.Packet) uint32 {
	if f.scaling != scaled || p.Flags.Has(evidence.SYN) {
		return uint32(p.Window)
	}
	return uint32(p.Window) << f.shift
}

// negotiate takes what a SYN's options say of window scales: both directions
// are scaled, or none.
func (t *talk) negotiate(p evidence.Packet) {
	forth, back := t.directions(p)
	for o := range evidence.TCPOptions(p.Options) {
		if shift, ok := windowShift(o); ok {
			forth.scaling, forth.shift = scaled, shift
		}
	}
	switch {
	case !p.Flags.Has(evidence.SYN) || p.OptionsCutShort():
	case forth.scaling == scalingUnknown:
		forth.scaling, back.scaling = notScaled, notScaled
	case p.Flags.Has(evidence.ACK) && back.scaling == notScaled:
		forth.scaling = notScaled
	}
}
