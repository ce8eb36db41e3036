package evidence

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// An openingKey tells one opening from all others: the four-tuple, from the
// endpoint that sent the SYN, and that SYN's sequence number. Loopback
// addresses are the same on every host, so the host is part of their key.
type openingKey struct {
	FourTuple
	number uint32
	host   string
}

// tooBig is the one ICMP error that does not end an attempt to connect: the
// sender makes smaller packets.
const tooBig = "EMSGSIZE"

// compare orders keys: which of two connections is listed first must not depend
// on chance.
func (k openingKey) compare(o openingKey) int {
	return cmp.Or(k.FourTuple.compare(o.FourTuple), cmp.Compare(k.host, o.host), cmp.Compare(k.number, o.number))
}

// An opening is what one host's capture has of one opening.
type opening struct {
	host *Host
	key  openingKey
	// syn tells whether the capture has the SYN itself, onlySYNs whether it has
	// nothing else yet, answered whether it has the SYN-ACK of number answer.
	syn, onlySYNs, answered bool
	answer                  uint32
	simultaneous            bool
	// next are the sequence numbers that the two ends would send next, by the
	// packets so far: of the client, of the server.
	next    [2]uint32
	packets []Packet
}

// A joiner puts a run's records together, opening by opening.
type joiner struct {
	run    *Run
	lab    *topology.Lab
	hosts  map[string]*topology.Host
	owners map[netip.Addr]string
	// openings are those of all hosts by their key, in the order of the hosts'
	// names; keys those of every pair of endpoints.
	openings map[openingKey][]*opening
	keys     map[FourTuple][]openingKey
	// aliases lead from the key that the second SYN of a simultaneous open
	// would have to the opening's own.
	aliases map[openingKey]openingKey
	// loose are packets that came before any SYN of theirs in their capture.
	loose []looseRecord
	// translations are those that conntrack and capture agree on, by the key
	// of the opening as it comes to the router.
	translations map[openingKey][]translated
	connections  []*Connection
	sides        map[sideKey][]*sideOf
	// refusals are when the first ICMP error came that quotes a SYN, by its
	// four-tuple and sequence number.
	refusals map[openingKey]time.Time
	// cuts are when routers forward nothing between two subnets.
	cuts map[string][]cut
}

// join makes connections of what the hosts' witnesses wrote down, and checks
// them. It fills in Connections and Orphans.
func join(r *Run) {
	j := &joiner{
		run: r, lab: r.Lab,
		hosts:        make(map[string]*topology.Host),
		openings:     make(map[openingKey][]*opening),
		keys:         make(map[FourTuple][]openingKey),
		aliases:      make(map[openingKey]openingKey),
		translations: make(map[openingKey][]translated),
		sides:        make(map[sideKey][]*sideOf),
		refusals:     make(map[openingKey]time.Time),
		cuts:         cutsOf(r),
	}
	for i := range j.lab.Hosts {
		j.hosts[j.lab.Hosts[i].Name] = &j.lab.Hosts[i]
	}
	j.owners = r.owners()
	for _, name := range r.Names() {
		j.split(r.Hosts[name])
	}
	j.attachLoosePackets()
	for _, name := range r.Names() {
		j.translate(r.Hosts[name])
	}
	j.connect()
	j.attachRecords()
	for _, c := range j.connections {
		c.reassemble()
	}
	joinDatagrams(j)
	j.check()
	for _, c := range j.connections {
		r.Connections = append(r.Connections, *c)
	}
	slices.SortStableFunc(r.Orphans, func(a, b Orphan) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Witness, b.Witness), cmp.Compare(a.Line, b.Line))
	})
	slices.SortStableFunc(r.Contradictions, func(a, b Contradiction) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Witness, b.Witness), cmp.Compare(a.Line, b.Line))
	})
	r.indexSides()
	r.blameSides()
}

// canonical writes the two endpoints in their order, for both directions.
func (t FourTuple) canonical() FourTuple {
	if t.Source.Compare(t.Destination) > 0 {
		return t.Reverse()
	}
	return t
}

func (t FourTuple) compare(o FourTuple) int {
	return cmp.Or(t.Source.Compare(o.Source), t.Destination.Compare(o.Destination))
}

// opens tells whether the packet is a first SYN, of an opening or of the second
// end of a simultaneous one.
func opens(p *Packet) bool { return p.Flags.Has(SYN) && !p.Flags.Has(ACK) }

func keyOf(h *Host, t FourTuple, number uint32) openingKey {
	k := openingKey{FourTuple: t, number: number}
	if t.Source.Addr().IsLoopback() || t.Destination.Addr().IsLoopback() {
		k.host = h.Name
	}
	return k
}

// split tells the packets of one capture apart by openings: a SYN with another
// number on the same endpoints begins the next one.
func (j *joiner) split(h *Host) {
	byKey := make(map[openingKey]*opening)
	latest := make(map[FourTuple][]*opening)
	var begun []*opening
	begin := func(k openingKey, ends FourTuple) *opening {
		o := &opening{host: h, key: k, onlySYNs: true}
		o.next[0] = k.number + 1
		byKey[k] = o
		latest[ends] = append(latest[ends], o)
		begun = append(begun, o)
		return o
	}
	for i := range h.Packets {
		p := &h.Packets[i]
		if p.ICMP != "" && p.QuotedProtocol == TCP && p.ICMP != tooBig {
			if k := keyOf(h, p.Quoted, p.QuotedSeq); j.refusals[k].IsZero() {
				j.refusals[k] = p.Time
			}
		}
		if p.Protocol != TCP {
			continue
		}
		ends := p.Tuple().canonical()
		of := latest[ends]
		var o *opening
		switch {
		case opens(p):
			k := keyOf(h, p.Tuple(), p.Seq)
			if o = byKey[k]; o == nil && len(of) > 0 && of[len(of)-1].crosses(p) {
				o = of[len(of)-1]
				o.simultaneous, byKey[k] = true, o
				o.answer = p.Seq
			}
			if o == nil {
				o = begin(k, ends)
			}
			o.syn = true
		case p.Flags.Has(SYN):
			k := keyOf(h, p.Tuple().Reverse(), p.Ack-1)
			if own := byKey[keyOf(h, p.Tuple(), p.Seq)]; byKey[k] == nil && own != nil && p.Source != p.Destination {
				// Who sent the SYN answers one: both ends opened at once.
				own.simultaneous, own.answer, byKey[k] = true, p.Ack-1, own
			}
			if o = byKey[k]; o == nil {
				o = begin(k, ends)
			}
		case len(of) > 0:
			o = fitting(of, p)
		default:
			j.loose = append(j.loose, loosePacket(h, p))
			continue
		}
		o.add(p)
	}
	for _, o := range begun {
		j.index(o)
	}
}

// crosses tells whether a SYN comes from the end that was only just sent one:
// both ends opened at once (RFC 9293, section 3.5).
func (o *opening) crosses(p *Packet) bool {
	return o.onlySYNs && o.syn && p.Tuple() == o.key.Reverse() && p.Tuple() != o.key.FourTuple
}

func (o *opening) add(p *Packet) {
	o.packets = append(o.packets, *p)
	if p.Flags.Has(SYN | ACK) {
		if !o.answered {
			o.answered = true
			if !o.simultaneous {
				o.answer = p.Seq
			}
		}
	}
	if !opens(p) {
		o.onlySYNs = false
	}
	end := 0
	if p.Source != o.key.Source {
		end = 1
	}
	if n := p.Seq + uint32(p.Length); !p.Flags.Has(RST) && (int32(n-o.next[end]) > 0 || p.Flags.Has(SYN)) {
		o.next[end] = n
	}
}

// fitting is the opening that a packet without SYN belongs to: the latest one,
// unless its numbers are those of the one before.
func fitting(of []*opening, p *Packet) *opening {
	last := of[len(of)-1]
	if len(of) == 1 {
		return last
	}
	if previous := of[len(of)-2]; !last.continues(p, 0) && (previous.continues(p, 0) || !last.continues(p, 1<<20) && previous.continues(p, 1<<20)) {
		return previous
	}
	return last
}

// continues tells whether a packet is at most so far from the number that its
// sender would send next. An end that has not answered the SYN yet can only
// refuse it.
func (o *opening) continues(p *Packet, window int32) bool {
	end := 0
	if p.Source != o.key.Source {
		end = 1
	}
	if end == 1 && !o.answered && !o.simultaneous && o.syn {
		return p.Flags.Has(RST|ACK) && p.Ack == o.key.number+1
	}
	d := int32(p.Seq - o.next[end])
	return d >= -window && d <= window
}

// index files an opening under its key. Of a simultaneous open the lower
// endpoint is the client. A capture that has a SYN-ACK and not the SYN says no
// more than that there is such an opening if another capture has it.
func (j *joiner) index(o *opening) {
	if o.simultaneous {
		other := keyOf(o.host, o.key.Reverse(), o.answer)
		if o.key.Source.Compare(o.key.Destination) > 0 {
			o.key, other = other, o.key
			o.answer = other.number
			o.next[0], o.next[1] = o.next[1], o.next[0]
		}
		j.aliases[other] = o.key
	}
	ends := o.key.canonical()
	if len(j.openings[o.key]) == 0 {
		j.keys[ends] = append(j.keys[ends], o.key)
	}
	j.openings[o.key] = append(j.openings[o.key], o)
}
