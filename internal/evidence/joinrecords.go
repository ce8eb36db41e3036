package evidence

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A looseRecord is a record that no opening of its own capture, or of any,
// tells where it belongs.
type looseRecord struct {
	host    *Host
	witness Witness
	line    int
	tuple   FourTuple // of a packet as it is, else the host's own endpoint first
	packet  *Packet
	what    func() string // what an orphan of it says
}

// A record is one row of a table or one event, on its way to its connection.
type record struct {
	looseRecord
	at time.Time
	// state is the socket's, empty of an event. connected says that it tells of a
	// socket past the handshake.
	state     string
	connected bool
	inode     uint64
	// alone says that it may be of no connection: nothing is wrong then.
	alone bool
	add   func(*Side)
}

// A sideKey is a connection's endpoints as one of its hosts has them.
type sideKey struct {
	host          string
	local, remote netip.AddrPort
}

// A sideOf is one side of an opening, and when it began there.
type sideOf struct {
	end
	begin time.Time
	// x is what the capture says of it, once it was asked for. inodes are of the
	// sockets that rows gave it.
	x      *exchange
	inodes map[uint64]bool
}

func (j *joiner) orphan(h *Host, w Witness, line int, what string) {
	j.run.Orphans = append(j.run.Orphans, Orphan{Host: h.Name, Witness: w, Line: line, What: what})
}

// attachLoosePackets gives packets that came before any SYN to the only opening
// of their endpoints that other captures have. An opening of which no capture
// has the SYN itself is none.
func (j *joiner) attachLoosePackets() {
	for other, k := range j.aliases {
		for _, o := range j.openings[other] {
			o.key, o.answer = k, other.number
			j.openings[k] = append(j.openings[k], o)
		}
		if len(j.openings[other]) > 0 {
			slices.SortFunc(j.openings[k], func(a, b *opening) int { return cmp.Compare(a.host.Name, b.host.Name) })
			j.drop(other)
		}
	}
	var unopened []openingKey
	for k, of := range j.openings {
		if !slices.ContainsFunc(of, func(o *opening) bool { return o.syn }) {
			unopened = append(unopened, k)
		}
	}
	slices.SortFunc(unopened, openingKey.compare)
	for _, k := range unopened {
		for _, o := range j.openings[k] {
			for i := range o.packets {
				j.loose = append(j.loose, loosePacket(o.host, &o.packets[i]))
			}
		}
		j.drop(k)
	}
	loose := j.loose
	j.loose = nil
	touched := make(map[*opening]bool)
	for _, r := range loose {
		keys := j.keys[r.tuple.canonical()]
		if len(keys) != 1 || keys[0].host != "" && keys[0].host != r.host.Name {
			j.loose = append(j.loose, r)
			continue
		}
		o := j.at(r.host, keys[0])
		if o == nil {
			o = &opening{host: r.host, key: keys[0]}
			j.openings[keys[0]] = append(j.openings[keys[0]], o)
		}
		o.packets = append(o.packets, *r.packet)
		touched[o] = true
	}
	for o := range touched {
		slices.SortStableFunc(o.packets, func(a, b Packet) int { return cmp.Compare(a.Number, b.Number) })
	}
}

// drop forgets a key.
func (j *joiner) drop(k openingKey) {
	delete(j.openings, k)
	ends := k.canonical()
	j.keys[ends] = slices.DeleteFunc(j.keys[ends], func(o openingKey) bool { return o == k })
}

// register makes both sides of a connection known to the records of their
// hosts. A connection to itself has one socket, and so one side. An end that the
// opening did not reach, by its own capture, has no records of it.
func (j *joiner) register(c *Connection) {
	for _, e := range []end{{c, &c.Client, RoleClient}, {c, &c.Server, RoleServer}} {
		if e.Host == "" || e.role == RoleServer && c.Source == c.Destination {
			continue
		}
		begin := c.begin
		if len(e.Packets) > 0 {
			begin = e.Packets[0].Time
		} else if e.role == RoleServer && j.run.Hosts[e.Host].Defect(Packets) == "" && (c.Outcome != Opened || len(j.keys[c.AtServer().canonical()]) > 1) {
			continue
		}
		k := sideKey{e.Host, e.Local, e.Remote}
		j.sides[k] = append(j.sides[k], &sideOf{end: e, begin: begin, inodes: make(map[uint64]bool)})
	}
}

// side is the side that a record belongs to: of several openings the one last
// begun, before any the only one. A dump takes its time: what it has of a socket
// past the handshake is not of a refused opening, if the next began meanwhile;
// and a socket of the opening before may still be there.
func (j *joiner) side(k sideKey, r record) *sideOf {
	of := j.sides[k]
	if len(of) == 0 {
		return nil
	}
	n, exact := slices.BinarySearchFunc(of, r.at, func(s *sideOf, t time.Time) int { return s.begin.Compare(t) })
	if exact {
		n++
	}
	const dump = 100 * time.Millisecond
	if n < len(of) && r.connected && of[n].begin.Sub(r.at) < dump && (n == 0 || of[n-1].c.Outcome != Opened) {
		return of[n]
	}
	switch {
	case n > 1 && r.state != "" && (r.inode != 0 && of[n-2].inodes[r.inode] || !of[n-1].mayBe(r.state, r.at) && of[n-2].mayBe(r.state, r.at)):
		return of[n-2]
	case n > 0:
		return of[n-1]
	case len(of) == 1:
		return of[0]
	}
	return nil
}

// mayBe tells whether the socket may be in a state at a time, by the capture.
func (s *sideOf) mayBe(state string, at time.Time) bool {
	if len(s.Packets) == 0 {
		return true
	}
	if s.x == nil {
		x := s.exchange()
		s.x = &x
	}
	return s.x.state(state, dump{at: at}) == ""
}

// attachRecords gives sockets, open files and events to the sides of their
// connections.
func (j *joiner) attachRecords() {
	for _, name := range j.run.Names() {
		h := j.run.Hosts[name]
		h.existed = h.InodesBefore()
		datagrams := datagramsOf(h)
		streams := make(map[descriptor]bool)
		for i := 0; len(datagrams) > 0 && i < len(h.Files); i++ {
			if f := &h.Files[i]; strings.HasPrefix(f.Protocol, TCP) {
				streams[descriptor{f.PID, f.FD, endpoints(f.Local, f.Remote)}] = true
			}
		}
		for i := range h.Sockets {
			s := &h.Sockets[i]
			tuple := endpoints(s.Local, s.Remote)
			if !h.existed[s.Inode] && strings.HasPrefix(s.Protocol, TCP) && tuple.IsValid() {
				loose := looseRecord{host: h, witness: Sockets, line: s.Line, tuple: tuple}
				loose.what = func() string { return fmt.Sprintf("%s %s: no capture has such a connection", s.State, loose.tuple) }
				j.attach(record{
					looseRecord: loose, at: s.Time, state: s.State, connected: s.State != SynSent, inode: s.Inode,
					alone: s.State == SynSent && j.nobody(s.Remote), add: func(to *Side) { to.Sockets = append(to.Sockets, *s) },
				})
			}
		}
		for i := range h.Files {
			f := &h.Files[i]
			if !strings.HasPrefix(f.Protocol, TCP) {
				continue
			}
			loose := looseRecord{host: h, witness: Files, line: f.Line, tuple: endpoints(f.Local, f.Remote)}
			loose.what = func() string {
				return fmt.Sprintf("descriptor %d of process %d is %s: no capture has such a connection", f.FD, f.PID, loose.tuple)
			}
			j.attach(record{
				looseRecord: loose, at: f.Time, state: f.State, connected: f.State != SynSent, inode: f.Inode,
				alone: f.State == SynSent && j.nobody(f.Remote), add: func(to *Side) { to.Files = append(to.Files, *f) },
			})
		}
		for i := range h.Program {
			e := &h.Program[i]
			loose := looseRecord{host: h, witness: Program, line: e.Line, tuple: endpoints(e.Local, e.Remote)}
			if e.Event == EventAnswer || e.Event == EventCall && datagrams[loose.tuple] && !streams[descriptor{e.PID, e.FD, loose.tuple}] {
				continue // what a prompt answers, its calls have told; they may be of UDP
			}
			loose.what = func() string {
				return fmt.Sprintf("its program says %q of %s: no capture has such a connection", e.Event, loose.tuple)
			}
			j.attach(record{
				looseRecord: loose, at: e.Time, connected: e.Event != EventFailed && e.Errno == "" && !e.Waiting,
				alone: e.Event == EventFailed || e.Event == EventCall || datagrams[loose.tuple], add: func(to *Side) { to.Events = append(to.Events, *e) },
			})
		}
	}
	seen := make(map[sideKey]bool) // of loose packets there may be a million
	for _, r := range j.loose {
		k := sideKey{r.host.Name, r.tuple.Source, r.tuple.Destination}
		if r.witness != Packets || !seen[k] {
			j.orphan(r.host, r.witness, r.line, r.what())
		}
		seen[k] = seen[k] || r.witness == Packets
	}
	for _, c := range j.connections {
		if c.Source == c.Destination {
			c.Server.Sockets, c.Server.Files, c.Server.Events = c.Client.Sockets, c.Client.Files, c.Client.Events
		}
	}
}

func endpoints(local, remote netip.AddrPort) FourTuple {
	return FourTuple{Source: Unmap(local), Destination: Unmap(remote)}
}

// A descriptor is one of a process, with what it was open to.
type descriptor struct {
	pid, fd int
	tuple   FourTuple
}

// nobody tells whether no host of the lab has the address. What is sent there
// may wait for the address of an interface that never comes, and then no capture
// has it.
func (j *joiner) nobody(e netip.AddrPort) bool {
	a := Unmap(e).Addr()
	return j.owners[a] == "" && !a.IsLoopback()
}

// datagramsOf are the endpoints between which a host has UDP.
func datagramsOf(h *Host) map[FourTuple]bool {
	of := make(map[FourTuple]bool)
	if len(h.Program) == 0 {
		return of
	}
	for i := range h.Packets {
		if p := &h.Packets[i]; p.Protocol == UDP {
			of[p.Tuple()], of[p.Tuple().Reverse()] = true, true
		}
	}
	for i := range h.Sockets {
		if s := &h.Sockets[i]; strings.HasPrefix(s.Protocol, UDP) {
			of[endpoints(s.Local, s.Remote)] = true
		}
	}
	return of
}

// InodesBefore are the inodes of the sockets that were there before any program:
// a container engine has listeners of its own.
func (h *Host) InodesBefore() map[uint64]bool {
	inodes := make(map[uint64]bool)
	for _, e := range h.Events {
		if e.Event != HostLive {
			continue
		}
		for _, s := range Dump(h.Sockets, e.Snapshot) {
			inodes[s.Inode] = s.Inode != 0
		}
	}
	return inodes
}

// attach gives a record to its side. Rows that are no part of any connection,
// of listening sockets and the like, are passed over.
func (j *joiner) attach(r record) {
	if !r.tuple.IsValid() {
		return
	}
	s := j.side(sideKey{r.host.Name, r.tuple.Source, r.tuple.Destination}, r)
	switch {
	case s != nil:
		r.add(s.Side)
		if r.inode != 0 {
			s.inodes[r.inode] = true
		}
	case !r.alone:
		j.loose = append(j.loose, r.looseRecord)
	}
}

// loosePacket is a packet that its own capture does not tell the opening of.
func loosePacket(h *Host, p *Packet) looseRecord {
	return looseRecord{host: h, witness: Packets, line: p.Number, packet: p, tuple: p.Tuple(), what: func() string {
		return fmt.Sprintf("%s, %d bytes, %s: no capture has the SYN of it", p.Flags, p.Length, p.Tuple())
	}}
}
