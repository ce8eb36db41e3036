package evidence

import (
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// A tap is a point at which packets of a connection were captured.
type tap struct {
	column  string
	packets []Packet
	// client is the client's endpoint there; up and down are the routers
	// passed from the client, and from the server.
	client   netip.AddrPort
	up, down uint8
	// anyHops says that not all routers of the way are known.
	anyHops bool
	// A router has its packets twice: near the client, and near the server.
	// tuple is the four-tuple that they have there.
	router, near bool
	tuple        FourTuple
	// position counts the points from the client on, until is when the capture
	// may have ended; zero is never.
	position int
	until    time.Time
}

// A segmentKey is all that a packet keeps on its way. Its hop limit is as the
// sender set it.
type segmentKey struct {
	up       bool
	seq, ack uint32
	flags    Flags
	window   uint16
	length   int
	frame    int
	ttl      uint8
	payload  uint64
	// elsewhere: it passed another interface than the first of its direction.
	elsewhere bool
}

// taps are the points of a connection's way, from the client to the server.
func (j *joiner) taps(c *Connection) []tap {
	hops := uint8(len(c.Path))
	until := func(host string) time.Time { return j.run.Hosts[host].watchedUntil() }
	var taps []tap
	add := func(t tap) {
		t.position = len(taps)
		taps = append(taps, t)
	}
	client := tap{column: "client.packets", packets: c.Client.Packets, client: c.Source, down: hops}
	if len(c.direct) > 0 {
		client.packets = slices.Concat(c.Client.Packets, c.direct)
	}
	if c.Client.Host != "" {
		client.until = until(c.Client.Host)
	}
	add(client)
	for i, h := range c.Path {
		n := uint8(i)
		at := tap{column: "router.packets", packets: h.Packets, router: true, until: until(h.Host)}
		near, far := at, at
		near.near, near.tuple, near.up, near.down = true, h.In, n, hops-n
		far.tuple, far.up, far.down = h.Out, n+1, hops-n-1
		add(near)
		add(far)
	}
	server := tap{column: "server.packets", packets: c.Server.Packets, client: c.AtServer().Source, up: hops}
	if c.Server.Host != "" {
		server.until = until(c.Server.Host)
	}
	add(server)
	return taps
}

var hashSeed = maphash.MakeSeed()

// segments are the packets at a tap, by what they keep. In one direction they all
// pass one interface.
func (t *tap) segments() map[segmentKey][]*Packet {
	all := make(map[segmentKey][]*Packet)
	interfaces := make(map[bool]string)
	for i := range t.packets {
		p := &t.packets[i]
		up := p.Source == t.client
		if t.router {
			// Towards the client a router receives what goes up and sends what
			// goes down; towards the server it is the other way round.
			if up = p.Tuple() == t.tuple; !up && p.Tuple() != t.tuple.Reverse() || p.Outgoing == (up == t.near) {
				continue
			}
		}
		k := segmentKey{
			up: up, seq: p.Seq, ack: p.Ack, flags: p.Flags, window: p.Window, length: p.Length, frame: p.FrameLength,
			ttl: p.TTL + t.down, payload: maphash.Bytes(hashSeed, p.Payload),
		}
		if up {
			k.ttl = p.TTL + t.up
		}
		if t.anyHops {
			k.ttl = 0
		}
		if interfaces[up] == "" {
			interfaces[up] = p.Interface
		}
		k.elsewhere = p.Interface != interfaces[up]
		all[k] = append(all[k], p)
	}
	return all
}

// largestFrame is Ethernet's. Larger ones are several segments that a network
// card is to cut (or has put together), which some other device may do as well.
const largestFrame = 1518

// checkCaptures compares all captures of a connection with each other: what
// one point of the way sent, and no more, must have come to the next.
func (j *joiner) checkCaptures(c *Connection) {
	if c.Client.Host == c.Server.Host {
		return
	}
	taps := slices.DeleteFunc(j.taps(c), func(t tap) bool { return !c.whole(t.column) || len(c.direct) > 0 && t.router })
	for i := range taps {
		taps[i].anyHops = c.Lacks["router.packets"] != "" || len(c.direct) > 0
	}
	if len(taps) < 2 {
		return
	}
	gaps := make([][]gap, len(c.Path))
	for i := range c.Path {
		gaps[i] = j.gapsAt(&c.Path[i])
	}
	type pair struct{ a, b string }
	differ := make(map[pair]string)
	compare := func(a, b *tap) {
		k := pair{a.column, b.column}
		if differ[k] == "" {
			differ[k] = compareTaps(a, b, slices.Concat(gaps[a.position/2:b.position/2]...))
		}
	}
	for i := 1; i < len(taps); i++ {
		compare(&taps[i-1], &taps[i])
	}
	first, last := &taps[0], &taps[len(taps)-1]
	if len(taps) > 2 && first.column != last.column {
		compare(first, last)
	}
	const cl, r, s = "client.packets", "router.packets", "server.packets"
	cr, rs, cs, rr := differ[pair{cl, r}], differ[pair{r, s}], differ[pair{cl, s}], differ[pair{r, r}]
	switch {
	case cr == "" && rs == "" && cs == "" && rr == "":
	case !c.whole(r): // nobody else tells
		c.contradict(s, cs, cl, s)
	case rr != "" && cs == "" || cr != "" && rs != "" && cs == "":
		c.contradict(cl, rr+cr, r)
	case cr != "" && rs == "" && rr == "":
		c.contradict(r, cr, cl)
	case rs != "" && cr == "" && rr == "":
		c.contradict(r, rs, s)
	default:
		c.contradict(cl, cr+rs+cs+rr, cl, r, s)
	}
}

// compareTaps compares two points of the way in both directions, and names the
// first packet that differs. The first point is nearer to the client. Between
// them packets may be lost: in the gaps, and where they were sent again. What one
// capture has of the time after the other may have ended tells nothing.
func compareTaps(a, b *tap, gaps []gap) string {
	of, to := a.segments(), b.segments()
	all := maps.Clone(to)
	maps.Copy(all, of)
	large, lost := false, retransmits(a.packets) || retransmits(b.packets)
	for k := range all {
		large = large || k.frame > largestFrame
	}
	why, least := "", 0
	for k, packets := range all {
		in, other := a, b
		more := len(of[k]) > len(to[k])
		if !more {
			in, other, packets = b, a, to[k]
		}
		if len(of[k]) == len(to[k]) || large && k.length > 0 || lost && more == k.up {
			continue
		}
		excused := 0
		for _, p := range packets {
			if !other.until.IsZero() && p.Time.After(other.until) ||
				slices.ContainsFunc(gaps, func(g gap) bool { return (g.both || more == k.up) && g.contains(p.Time) }) {
				excused++
			}
		}
		if excused >= max(len(of[k])-len(to[k]), len(to[k])-len(of[k])) {
			continue
		}
		if n := packets[len(packets)-1].Number; why == "" || n < least {
			least = n
			why = fmt.Sprintf("packet %d of %s (%s, %d bytes) is not as often in %s", n, in.column, k.flags, k.length, other.column)
		}
	}
	return why
}

// retransmits tells whether a capture shows that packets were lost: a sender
// repeats, after a while, what it has sent and nobody has acknowledged. What
// stands there twice at one moment is no such repetition.
func retransmits(packets []Packet) bool {
	type begin struct {
		FourTuple
		seq uint32
		out bool
	}
	first := make(map[begin]time.Time)
	acknowledged := make(map[FourTuple]uint32)
	for i := range packets {
		p := &packets[i]
		if p.Flags.Has(ACK) {
			acknowledged[p.Tuple().Reverse()] = p.Ack
		}
		if p.Length == 0 && p.Flags&(SYN|FIN) == 0 {
			continue
		}
		k := begin{p.Tuple(), p.Seq, p.Outgoing}
		at, again := first[k]
		ack, acked := acknowledged[p.Tuple()]
		if again && p.Time.Sub(at) >= time.Millisecond && (!acked || int32(ack-p.Seq) <= 0) {
			return true
		}
		if !again {
			first[k] = p.Time
		}
	}
	return false
}
