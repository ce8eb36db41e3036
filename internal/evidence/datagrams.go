package evidence

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"
)

// A passing is a datagram at one point of its way: as it came to a host, or as
// it left one.
type passing struct {
	host   *Host
	packet *Packet
	// before and after are the points next to this one. From a router's way in to
	// its way out, row is the translation, if there was one.
	before, after *passing
	row           *Translation
	// unsure says that equal datagrams, of which some were lost, could as well be
	// the other way round.
	unsure bool
}

// A passingKey is what a datagram keeps between two captures. The hop limit is
// 0 where it does not count.
type passingKey struct {
	FourTuple
	payload uint64
	length  int
	ttl     uint8
}

func keyOfDatagram(p *Packet, t FourTuple, ttl uint8) passingKey {
	return passingKey{FourTuple: t, payload: maphash.Bytes(hashSeed, p.Payload), length: p.Length, ttl: ttl}
}

// A mail is a run's datagrams while they are put together: the points of their
// ways, in the order of the hosts' names and of their captures.
type mail struct {
	*joiner
	came, left map[*Host][]*passing
	// translations are a router's, of UDP, each once, by the four-tuples that it
	// translates: the original one, and that of the way back.
	translations map[*Host]map[FourTuple][]*Translation
	used         map[*Translation]bool
	// loose are, at a host that may translate, what it neither forwarded nor sent
	// itself, as far as is known.
	loose     map[*Host]map[looseKey]bool
	datagrams []Datagram
}

// joinDatagrams fills in the run's datagrams. Equal ones are told apart by their
// order.
func joinDatagrams(j *joiner) {
	m := &mail{
		joiner: j, came: make(map[*Host][]*passing), left: make(map[*Host][]*passing),
		translations: make(map[*Host]map[FourTuple][]*Translation), used: make(map[*Translation]bool),
		loose: make(map[*Host]map[looseKey]bool),
	}
	for _, name := range j.run.Names() {
		h := j.run.Hosts[name]
		m.collect(h)
		m.readTranslations(h)
		m.forward(h)
	}
	m.send()
	m.bridge()
	for _, name := range j.run.Names() {
		m.findLoose(j.run.Hosts[name])
	}
	for _, name := range j.run.Names() {
		h := j.run.Hosts[name]
		for _, p := range slices.Concat(m.left[h], m.came[h]) {
			if p.before == nil {
				m.deliver(p)
			}
		}
	}
	m.number()
	j.run.Datagrams = m.datagrams
}

// collect makes points of a host's datagrams. What comes to a host that neither
// has the address nor forwards was only overheard.
func (m *mail) collect(h *Host) {
	for i := range h.Packets {
		p := &h.Packets[i]
		switch {
		case p.Protocol != UDP:
		case p.Outgoing:
			m.left[h] = append(m.left[h], &passing{host: h, packet: p})
		case m.forwards(h) || m.owns(h, p.Destination.Addr()):
			m.came[h] = append(m.came[h], &passing{host: h, packet: p})
		}
	}
}

func (m *mail) owns(h *Host, a netip.Addr) bool { return m.hostOf(a, h.Name) == h.Name }

// stays tells whether what left a host came to itself: a capture has such a
// datagram once.
func (m *mail) stays(p *passing) bool {
	return p.packet.Outgoing && m.owns(p.host, p.packet.Destination.Addr())
}

// mostTranslations bounds how many translations of one four-tuple are believed.
const mostTranslations = 64

// readTranslations keeps what the conntrack table of a host that may translate
// says of UDP.
func (m *mail) readTranslations(h *Host) {
	type change struct{ original, translated FourTuple }
	known, by := make(map[change]bool), make(map[FourTuple][]*Translation)
	m.translations[h] = by
	for i := range h.Translations {
		row := &h.Translations[i]
		c := change{row.Original, row.Translated}
		if row.Protocol != UDP || known[c] {
			continue
		}
		known[c] = true
		if !m.translates(h) {
			m.orphan(h, Conntrack, row.Line, fmt.Sprintf("%s became %s, but the lab does not let the host translate", row.Original, row.Translated))
			continue
		}
		for _, t := range []FourTuple{row.Original, row.Translated.Reverse()} {
			if len(by[t]) < mostTranslations {
				by[t] = append(by[t], row)
			}
		}
	}
}

func (m *mail) translates(h *Host) bool {
	host := m.hosts[h.Name]
	return host != nil && host.Translates()
}

// through is what a conntrack entry makes of a four-tuple: of the original one,
// or of that of an answer.
func (t *Translation) through(of FourTuple) FourTuple {
	if of == t.Original {
		return t.Translated
	}
	return t.Original.Reverse()
}

// group sorts points by what they keep.
func group(points []*passing, key func(*passing) passingKey) (by map[passingKey][]*passing, order []passingKey) {
	by = make(map[passingKey][]*passing)
	for _, p := range points {
		k := key(p)
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], p)
	}
	return by, order
}

func (p *passing) key() passingKey { return keyOfDatagram(p.packet, p.packet.Tuple(), p.packet.TTL) }

func unlinked(points []*passing) []*passing {
	return slices.DeleteFunc(slices.Clone(points), func(p *passing) bool { return p.before != nil || p.after != nil })
}

// forward joins what came to a router with what left it: one hop on, and under
// another four-tuple only where its conntrack table says so.
func (m *mail) forward(h *Host) {
	if !m.forwards(h) {
		return
	}
	came, order := group(m.came[h], (*passing).key)
	left, _ := group(m.left[h], (*passing).key)
	for _, k := range order {
		next, rows := k, make(map[FourTuple]*Translation)
		next.ttl--
		out := slices.Clone(left[next])
		for _, row := range m.translations[h][k.FourTuple] {
			next.FourTuple = row.through(k.FourTuple)
			if rows[next.FourTuple] == nil {
				rows[next.FourTuple] = row
				out = append(out, left[next]...)
			}
		}
		slices.SortFunc(out, func(a, b *passing) int { return cmp.Compare(a.packet.Number, b.packet.Number) })
		match(came[k], unlinked(out))
		for _, p := range came[k] {
			if p.after != nil {
				if p.row = rows[p.after.packet.Tuple()]; p.row != nil {
					m.used[p.row] = true
				}
			}
		}
	}
	for i := range h.Translations {
		row := &h.Translations[i]
		if by := m.translations[h][row.Original]; slices.Contains(by, row) && !m.used[row] {
			m.orphan(h, Conntrack, row.Line, fmt.Sprintf("%s became %s: its capture does not have a datagram in as the one and out as the other", row.Original, row.Translated))
		}
	}
}

// send joins what left a host with what came to the next one.
func (m *mail) send() {
	var all []*passing
	for _, name := range m.run.Names() {
		h := m.run.Hosts[name]
		all = append(all, slices.DeleteFunc(slices.Clone(m.left[h]), m.stays)...)
	}
	sortByTime(all)
	left, _ := group(all, (*passing).key)
	// Of several hosts that have it, first those that it is for or that forwarded
	// it; then routers that it ended on.
	for _, ended := range []bool{false, true} {
		for _, name := range m.run.Names() {
			h := m.run.Hosts[name]
			came, order := group(m.came[h], (*passing).key)
			for _, k := range order {
				to := slices.DeleteFunc(slices.Clone(came[k]), func(p *passing) bool {
					return ended != (p.after == nil && !m.owns(h, k.Destination.Addr())) || p.before != nil
				})
				from := slices.DeleteFunc(slices.Clone(left[k]), func(p *passing) bool { return p.host == h || p.after != nil })
				if len(to) > 0 && len(from) > 0 && (!ended || m.leads(from[0].host, h, k.Destination.Addr())) {
					match(from, to)
				}
			}
		}
	}
}

// leads tells whether the lab's routes lead from a host over a router next. To an
// address that nobody has, they may.
func (m *mail) leads(from, router *Host, to netip.Addr) bool {
	path, known := m.routers(from.Name, to)
	return !known && m.owners[to] == "" || len(path) > 0 && path[0] == router.Name
}

// bridge joins what left a host with what came to the one that has the address,
// where a router between them has nothing of it.
func (m *mail) bridge() {
	var left, came []*passing
	for _, name := range m.run.Names() {
		h := m.run.Hosts[name]
		for _, p := range m.left[h] {
			if p.after == nil && !m.stays(p) {
				left = append(left, p)
			}
		}
		for _, p := range m.came[h] {
			if p.before == nil && p.after == nil && m.owns(h, p.packet.Destination.Addr()) {
				came = append(came, p)
			}
		}
	}
	sortByTime(left)
	sortByTime(came)
	anyTTL := func(p *passing) passingKey { return keyOfDatagram(p.packet, p.packet.Tuple(), 0) }
	from, order := group(left, anyTTL)
	to, _ := group(came, anyTTL)
	for _, k := range order {
		if len(to[k]) > 0 && to[k][0].packet.TTL < from[k][0].packet.TTL {
			match(from[k], to[k])
		}
	}
}

func sortByTime(points []*passing) {
	slices.SortStableFunc(points, func(a, b *passing) int { return a.packet.Time.Compare(b.packet.Time) })
}

// longestPassage is how long a packet takes, at most, from one capture to the
// next.
const longestPassage = 100 * time.Millisecond

// match joins equal datagrams at one point with those at the next, both in the
// order of their times: each with the last one that it can be. Where some were
// lost, others may be possible as well.
func match(from, to []*passing) {
	follows := func(a, b *passing) bool {
		if a.host == b.host {
			return a.packet.Number < b.packet.Number
		}
		return !b.packet.Time.Before(a.packet.Time.Add(-tableSlack))
	}
	soon := func(a, b *passing) bool { return b.packet.Time.Sub(a.packet.Time) <= longestPassage }
	latest := make([]int, len(to))
	i := len(from) - 1
	for n := len(to) - 1; n >= 0; n-- {
		for i >= 0 && !follows(from[i], to[n]) {
			i--
		}
		latest[n] = -1
		if i >= 0 && soon(from[i], to[n]) {
			latest[n] = i
			i--
		}
	}
	first, marked := 0, 0
	for n, i := range latest {
		if i < 0 {
			continue
		}
		from[i].after, to[n].before = to[n], from[i]
		for first < i && !soon(from[first], to[n]) {
			first++
		}
		if first < i {
			for marked = max(marked, first); marked <= i; marked++ {
				from[marked].unsure = true
			}
		}
		first++
	}
}

// A looseKey is what a datagram keeps on a host that translates it.
type looseKey struct {
	passingKey
	outgoing bool
}

// findLoose notes what came to a host that may translate and did not leave it, and
// what left and did not come: the one may be the other, translated, if the
// conntrack table lacks a row.
func (m *mail) findLoose(h *Host) {
	if !m.translates(h) {
		return
	}
	m.loose[h] = make(map[looseKey]bool)
	for _, p := range slices.Concat(m.left[h], m.came[h]) {
		if p.packet.Outgoing && p.before == nil || !p.packet.Outgoing && p.after == nil {
			m.loose[h][looseKey{keyOfDatagram(p.packet, FourTuple{}, p.packet.TTL), p.packet.Outgoing}] = true
		}
	}
}

// unclear says why it is not known whether a datagram that began or ended on a
// host is another one there, translated.
func (m *mail) unclear(p *passing) string {
	ttl := p.packet.TTL - 1
	if p.packet.Outgoing {
		ttl = p.packet.TTL + 1
	}
	if p.packet.Outgoing && p.before != nil || !m.loose[p.host][looseKey{keyOfDatagram(p.packet, FourTuple{}, ttl), !p.packet.Outgoing}] {
		return ""
	}
	return p.host.Name + ": " + cmp.Or(p.host.Defect(Conntrack), "its conntrack table does not say whether it translated the datagram")
}

// deliver makes a datagram of all its points, from the first on.
func (m *mail) deliver(first *passing) {
	p := first.packet
	d := Datagram{FourTuple: p.Tuple(), Time: p.Time, Payload: p.Payload, Length: p.Length, Lacks: make(map[string]string)}
	d.Sender = DatagramSide{Host: m.hostOf(p.Source.Addr(), first.host.Name), Local: p.Source, Remote: p.Destination}
	if p.Outgoing {
		d.Sender.Host, d.Sender.Packet = first.host.Name, p
	}
	last, unsure := first, first.unsure
	for at := first; at.after != nil; at = at.after {
		last, unsure = at.after, unsure || at.after.unsure
		if in, out := at.packet, at.after.packet; !in.Outgoing {
			d.Path = append(d.Path, Hop{
				Host: at.host.Name, In: in.Tuple(), Out: out.Tuple(), From: in.Interface, To: out.Interface,
				Packets: []Packet{*in, *out}, Translation: at.row,
			})
		}
	}
	end := last.packet
	d.Receiver = DatagramSide{Host: m.hostOf(end.Destination.Addr(), last.host.Name), Local: end.Destination, Remote: end.Source}
	if !end.Outgoing && last.host.Name == d.Receiver.Host || m.stays(last) {
		d.Receiver.Packet = end
	}
	if d.Sender.Host == "" && d.Receiver.Host == "" {
		// What the machine around the lab sends to groups is nobody's here.
		if to := end.Destination.Addr(); !to.IsMulticast() && to != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			m.orphan(first.host, Packets, p.Number, fmt.Sprintf("%s: none of its ends is here", d.FourTuple))
		}
		return
	}
	m.lacksOf(&d, last)
	if why := cmp.Or(m.unclear(first), m.unclear(last)); why != "" {
		for _, column := range []string{"sender.packets", "router.packets", "receiver.packets"} {
			d.Lacks[column] = cmp.Or(d.Lacks[column], why)
		}
	}
	for column := range d.Lacks {
		if unsure && column != "sender.packets" {
			d.Lacks[column] = cmp.Or(d.Lacks[column], "equal datagrams were lost, and nothing tells which")
		}
	}
	m.datagrams = append(m.datagrams, d)
}

// lacksOf asks every witness of a datagram why its evidence is not whole. That a
// whole capture does not have what was lost before is no lack: it says so.
func (m *mail) lacksOf(d *Datagram, last *passing) {
	const nothing = "its capture has no such datagram"
	here := d.Sender.Host == d.Receiver.Host
	var way []string
	if !here {
		way, _ = m.routers(d.Sender.Host, d.Destination.Addr())
	}
	if sender := m.run.Hosts[d.Sender.Host]; sender != nil {
		d.Lacks["sender.packets"] = sender.Defect(Packets)
		if d.Sender.Packet == nil && d.Lacks["sender.packets"] == "" {
			d.Lacks["sender.packets"] = nothing
			m.miss(last, d, sender)
		}
	}
	// What left a host and did not come is where the next capture is not whole, or
	// a contradiction.
	lost := ""
	if last.packet.Outgoing && !m.stays(last) {
		next := d.Receiver.Host
		if on, _ := m.routers(last.host.Name, last.packet.Destination.Addr()); len(on) > 0 {
			next = on[0]
		}
		if h := m.run.Hosts[next]; h != nil {
			if lost = h.Defect(Packets); lost == "" {
				lost = nothing
				m.miss(last, d, h)
			}
			if next != d.Receiver.Host {
				lost = next + ": " + lost
			}
		}
	}
	if receiver := m.run.Hosts[d.Receiver.Host]; receiver != nil {
		d.Lacks["receiver.packets"] = cmp.Or(receiver.Defect(Packets), lost)
	}
	if len(way)+len(d.Path) > 0 {
		d.Lacks["router.packets"] = m.lackOfWay(d, last, way)
	}
}

// lackOfWay says which router of the lab's routes has nothing of a datagram, as
// far as it came.
func (m *mail) lackOfWay(d *Datagram, last *passing, way []string) string {
	for _, name := range way {
		h := m.run.Hosts[name]
		on := slices.ContainsFunc(d.Path, func(hop Hop) bool { return hop.Host == name })
		switch {
		case h.Defect(Packets) != "":
			return name + ": " + h.Defect(Packets)
		case on:
		case last.host == h: // it ended there
			return ""
		case d.Receiver.Packet == nil:
			return name + ": its capture has no such datagram"
		default:
			m.miss(last, d, h)
			return name + ": has not forwarded it, by its capture"
		}
	}
	for _, hop := range d.Path {
		if !slices.Contains(way, hop.Host) && d.AtReceiver() == d.FourTuple && d.Sender.Host != "" {
			return hop.Host + ": forwarded it, and the lab's routes do not lead over it"
		}
	}
	return ""
}

// miss notes that a whole capture does not have a datagram that must have passed
// it. One that began late has nothing from before.
func (m *mail) miss(at *passing, d *Datagram, missing *Host) {
	if lab := m.hosts[missing.Name]; lab == nil || lab.CaptureAfter == 0 {
		m.orphan(at.host, Packets, at.packet.Number, fmt.Sprintf("a datagram of %d bytes, %s, which the capture of %s does not have", d.Length, at.packet.Tuple(), missing.Name))
	}
}

// number orders the datagrams, and counts equal ones.
func (m *mail) number() {
	slices.SortStableFunc(m.datagrams, func(a, b Datagram) int {
		return cmp.Or(a.Time.Compare(b.Time), a.FourTuple.compare(b.FourTuple), cmp.Compare(a.Sender.Host, b.Sender.Host))
	})
	type equal struct {
		FourTuple
		sender, payload string
	}
	count := make(map[equal]int)
	for i := range m.datagrams {
		d := &m.datagrams[i]
		k := equal{d.FourTuple, d.Sender.Host, string(d.Payload)}
		count[k]++
		d.Occurrence = count[k]
	}
}
