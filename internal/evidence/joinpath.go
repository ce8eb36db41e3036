package evidence

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// translated is one opening as it came to a router and as it left it.
type translated struct {
	in, out *opening
	row     *Translation
}

// translate believes the host's conntrack entries where the lab lets the host
// translate and its capture has the SYN both ways: in with the original
// four-tuple, out with the translated one and the same number, one hop on.
// Equal numbers alone are no translation.
func (j *joiner) translate(h *Host) {
	router := j.hosts[h.Name]
	allowed := router != nil && router.Translates()
	type change struct{ original, translated FourTuple }
	seen := make(map[change]bool)
	for i := range h.Translations {
		row := &h.Translations[i]
		if row.Protocol != TCP {
			continue
		}
		what := fmt.Sprintf("%s became %s", row.Original, row.Translated)
		if !allowed {
			j.orphan(h, Conntrack, row.Line, what+", but the lab does not let the host translate")
			continue
		}
		c := change{row.Original, row.Translated}
		supported, known := seen[c]
		if !known {
			supported = j.forwardedAs(h, row)
			seen[c] = supported
		}
		if !supported {
			j.orphan(h, Conntrack, row.Line, what+": its capture does not have the SYN in as the one and out as the other")
		}
	}
}

// forwardedAs notes what the capture has of a conntrack entry, for each opening
// of its four-tuple, and tells whether it has any.
func (j *joiner) forwardedAs(h *Host, row *Translation) bool {
	found := false
	for _, k := range j.keys[row.Original.canonical()] {
		if k.FourTuple != row.Original {
			continue
		}
		in, out := j.at(h, k), j.at(h, keyOf(h, row.Translated, k.number))
		if in == nil || out == nil || in == out {
			continue
		}
		came, left := in.firstSYN(false), out.firstSYN(true)
		if came == nil || left == nil || came.TTL != left.TTL+1 {
			continue
		}
		found = true
		j.translations[k] = append(j.translations[k], translated{in, out, row})
	}
	return found
}

// at is the opening as this host's capture has it; nil if it does not.
func (j *joiner) at(h *Host, k openingKey) *opening {
	for _, o := range j.openings[k] {
		if o.host == h {
			return o
		}
	}
	return nil
}

// firstSYN is the opening's first SYN that the host sent, or that came to it; of a
// simultaneous open, either end's.
func (o *opening) firstSYN(outgoing bool) *Packet {
	for i := range o.packets {
		if p := &o.packets[i]; p.Outgoing == outgoing && opens(p) && (o.simultaneous || p.Source == o.key.Source) {
			return p
		}
	}
	return nil
}

// connect makes a connection of every opening that is not the continuation of
// another one behind a router that translates.
func (j *joiner) connect() {
	continued := make(map[openingKey]bool)
	for _, all := range j.translations {
		for _, t := range all {
			continued[t.out.key] = true
		}
	}
	var roots []openingKey
	for k := range j.openings {
		if !continued[k] {
			roots = append(roots, k)
		}
	}
	slices.SortFunc(roots, openingKey.compare)
	for _, k := range roots {
		if c := j.follow(k); c != nil {
			c.simultaneous = slices.ContainsFunc(j.openings[k], func(o *opening) bool { return o.simultaneous })
			c.refusedAt = j.refusedAt(c)
			c.Outcome = c.OutcomeUntil(func(string) (end time.Time) { return end })
			j.connections = append(j.connections, c)
		}
	}
	j.sortConnections()
	for _, c := range j.connections {
		j.register(c)
	}
}

// sortConnections orders connections by four-tuple and time, and counts the
// openings of each four-tuple.
func (j *joiner) sortConnections() {
	slices.SortStableFunc(j.connections, func(a, b *Connection) int {
		return cmp.Or(a.FourTuple.compare(b.FourTuple), cmp.Compare(a.Client.Host, b.Client.Host), a.begin.Compare(b.begin))
	})
	for i, c := range j.connections {
		c.Opening = 1
		if i > 0 {
			if last := j.connections[i-1]; last.FourTuple == c.FourTuple && last.Client.Host == c.Client.Host {
				c.Opening = last.Opening + 1
			}
		}
	}
}

// follow puts together what the captures have of an opening, from router to
// router; nil if only hosts have it that are neither its ends nor on its way.
func (j *joiner) follow(k openingKey) *Connection {
	c := &Connection{FourTuple: k.FourTuple, ClientISN: &k.number}
	c.Client = Side{Host: j.hostOf(k.Source.Addr(), k.host), Local: k.Source, Remote: k.Destination}
	last, visited, concerned := k, make(map[*Host]bool), false
	for {
		var next *translated
		for i := range j.translations[last] {
			if t := &j.translations[last][i]; !visited[t.in.host] {
				next = t
				break
			}
		}
		for _, o := range j.openings[last] {
			isEnd := o.host.Name == c.Client.Host && last == k || o.host.Name == j.hostOf(last.Destination.Addr(), last.host)
			concerned = concerned || isEnd || j.forwards(o.host)
			if c.begin.IsZero() || o.packets[0].Time.Before(c.begin) {
				c.begin = o.packets[0].Time
			}
			if o.answered && c.ServerISN == nil {
				c.ServerISN = &o.answer
			}
			if o.host.Name == c.Client.Host && last == k {
				c.Client.Packets = o.packets
			} else if !isEnd && j.forwards(o.host) && (next == nil || o != next.in) && !visited[o.host] {
				c.Path = append(c.Path, hop(o, o, nil)...)
			}
		}
		if next == nil {
			break
		}
		c.Path = append(c.Path, hop(next.in, next.out, next.row)...)
		visited[next.in.host] = true
		last = next.out.key
	}
	if !concerned {
		for _, o := range j.openings[k] {
			j.orphan(o.host, Packets, o.packets[0].Number, fmt.Sprintf("%s: none of its ends is here, and none has it", k.FourTuple))
		}
		return nil
	}
	if o := j.at(j.run.Hosts[c.Client.Host], last); last != k && o != nil && !visited[o.host] {
		c.direct = o.packets
	}
	c.Server = Side{Host: j.hostOf(last.Destination.Addr(), last.host), Local: last.Destination, Remote: last.Source}
	if o := j.at(j.run.Hosts[c.Server.Host], last); c.Server.Host != "" && o != nil {
		c.Server.Packets = o.packets
	}
	slices.SortStableFunc(c.Path, func(a, b Hop) int {
		return cmp.Or(-cmp.Compare(a.ttl(), b.ttl()), cmp.Compare(a.Host, b.Host))
	})
	return c
}

// hop is a router that forwarded an opening. That it only overheard it, because
// a bridge did not know yet where to send a frame, is no hop.
func hop(in, out *opening, row *Translation) []Hop {
	came, left := in.firstSYN(false), out.firstSYN(true)
	forwarded := came != nil && left != nil
	if !forwarded { // the way back leads over other routers than the way there
		forwarded = !in.syn && slices.ContainsFunc(in.packets, func(p Packet) bool { return p.Outgoing })
	}
	if !forwarded {
		return nil
	}
	h := Hop{Host: in.host.Name, In: in.key.FourTuple, Out: out.key.FourTuple, Translation: row, Packets: in.packets}
	if out != in {
		h.Packets = slices.Concat(in.packets, out.packets)
		slices.SortStableFunc(h.Packets, func(a, b Packet) int { return cmp.Compare(a.Number, b.Number) })
	}
	for i := range h.Packets {
		p := &h.Packets[i]
		up := p.Tuple() == h.In && !p.Outgoing || p.Tuple() == h.Out && p.Outgoing
		towardsClient := up != p.Outgoing
		if towardsClient && h.From == "" {
			h.From = p.Interface
		}
		if !towardsClient && h.To == "" {
			h.To = p.Interface
		}
	}
	return []Hop{h}
}

// ttl is the hop limit that the client's packets came to the router with.
func (h *Hop) ttl() uint8 {
	for _, p := range h.Packets {
		if p.Tuple() == h.In && !p.Outgoing {
			return p.TTL
		}
	}
	return 0
}

func (j *joiner) forwards(h *Host) bool {
	host := j.hosts[h.Name]
	return host != nil && host.Forwards
}

// hostOf is the host that has the address; of loopback addresses, the host
// whose capture or table has them.
func (j *joiner) hostOf(a netip.Addr, self string) string {
	if a.IsLoopback() {
		return self
	}
	return j.owners[a]
}

// routers are the hosts that the lab's routes lead over, from a host to an
// address; false where they lead nowhere.
func (j *joiner) routers(from string, to netip.Addr) ([]string, bool) {
	var path []string
	for range len(j.lab.Hosts) {
		h := j.hosts[from]
		if h == nil {
			return nil, false
		}
		if j.owners[to] == from || slices.ContainsFunc(h.Links, func(l topology.Link) bool {
			return l.Address.Contains(to) || l.Address6.IsValid() && l.Address6.Contains(to)
		}) {
			return path, true
		}
		best, bits := netip.Addr{}, -1
		for _, r := range h.Routes {
			if r.Destination.Contains(to) && r.Destination.Bits() > bits {
				best, bits = r.Gateway, r.Destination.Bits()
			}
		}
		if bits < 0 || j.owners[best] == "" {
			return nil, false
		}
		from = j.owners[best]
		path = append(path, from)
	}
	return nil, false
}
