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
	socket  *Socket
	file    *File
	event   *ProgramEvent
}

// A sideKey is a connection's endpoints as one of its hosts has them.
type sideKey struct {
	host          string
	local, remote netip.AddrPort
}

// A sideOf is one side of an opening, and when it began there.
type sideOf struct {
	connection *Connection
	side       *Side
	begin      time.Time
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
				j.loose = append(j.loose, looseRecord{host: o.host, witness: Packets, packet: &o.packets[i], tuple: o.packets[i].Tuple()})
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
// hosts. A connection to itself has one socket, and so one side.
func (j *joiner) register(c *Connection) {
	add := func(s *Side) {
		if s.Host == "" {
			return
		}
		begin := j.begins[c]
		if len(s.Packets) > 0 {
			begin = s.Packets[0].Time
		}
		k := sideKey{s.Host, s.Local, s.Remote}
		j.sides[k] = append(j.sides[k], &sideOf{c, s, begin})
	}
	add(&c.Client)
	if c.Source != c.Destination {
		add(&c.Server)
	}
}

// side is the side that a record of this time belongs to: of several openings
// the one last begun, before any the only one. A dump takes its time: what it
// has of a socket past the handshake is not of a refused opening, if the next
// began meanwhile.
func (j *joiner) side(k sideKey, at time.Time, connected bool) *Side {
	of := j.sides[k]
	if len(of) == 0 {
		return nil
	}
	n, exact := slices.BinarySearchFunc(of, at, func(s *sideOf, t time.Time) int { return s.begin.Compare(t) })
	if exact {
		n++
	}
	const dump = 100 * time.Millisecond
	if n < len(of) && connected && of[n].begin.Sub(at) < dump && (n == 0 || of[n-1].connection.Outcome != Opened) {
		return of[n].side
	}
	switch {
	case n > 0:
		return of[n-1].side
	case len(of) == 1:
		return of[0].side
	}
	return nil
}

// attachRecords gives sockets, open files and events to the sides of their
// connections.
func (j *joiner) attachRecords() {
	for _, name := range j.run.Names() {
		h := j.run.Hosts[name]
		j.existed[h] = inodesBefore(h)
		for i := range h.Sockets {
			j.attach(looseRecord{host: h, witness: Sockets, line: h.Sockets[i].Line, tuple: endpoints(h.Sockets[i].Local, h.Sockets[i].Remote), socket: &h.Sockets[i]})
		}
		for i := range h.Files {
			j.attach(looseRecord{host: h, witness: Files, line: h.Files[i].Line, tuple: endpoints(h.Files[i].Local, h.Files[i].Remote), file: &h.Files[i]})
		}
		for i := range h.Program {
			j.attach(looseRecord{host: h, witness: Program, line: h.Program[i].Line, tuple: endpoints(h.Program[i].Local, h.Program[i].Remote), event: &h.Program[i]})
		}
	}
	for _, r := range j.loose {
		j.orphanOf(r)
	}
	j.foldOrphans()
	for _, c := range j.connections {
		if c.Source == c.Destination {
			c.Server.Sockets, c.Server.Files, c.Server.Events = c.Client.Sockets, c.Client.Files, c.Client.Events
		}
	}
}

func endpoints(local, remote netip.AddrPort) FourTuple {
	return FourTuple{Source: Unmap(local), Destination: Unmap(remote)}
}

// inodesBefore are the inodes of the sockets that were there before the host's
// program started: a container engine has listeners of its own.
func inodesBefore(h *Host) map[uint64]bool {
	inodes := make(map[uint64]bool)
	for _, e := range h.Events {
		if e.Event != HostLive || e.Snapshot == 0 {
			continue
		}
		for _, s := range h.Sockets {
			if s.Snapshot == e.Snapshot && s.Inode != 0 {
				inodes[s.Inode] = true
			}
		}
	}
	return inodes
}

// attach gives a record to its side. Rows that are no part of any connection,
// of listening sockets and the like, are passed over.
func (j *joiner) attach(r looseRecord) {
	if !r.tuple.IsValid() || r.socket != nil && j.existed[r.host][r.socket.Inode] {
		return
	}
	at, connected, udp := r.when()
	s := j.side(sideKey{r.host.Name, r.tuple.Source, r.tuple.Destination}, at, connected)
	if s == nil {
		if !udp {
			j.loose = append(j.loose, r)
		}
		return
	}
	s.add(r)
}

// when is the record's time, whether it tells of a socket past the handshake,
// and whether it is of UDP.
func (r looseRecord) when() (at time.Time, connected, udp bool) {
	switch {
	case r.socket != nil:
		return r.socket.Time, r.socket.State != SynSent, strings.HasPrefix(r.socket.Protocol, "udp")
	case r.file != nil:
		return r.file.Time, r.file.State != SynSent, strings.HasPrefix(r.file.Protocol, "udp")
	case r.event != nil:
		return r.event.Time, r.event.Event != EventFailed, false
	}
	return r.packet.Time, true, false
}

func (s *Side) add(r looseRecord) {
	switch r.witness {
	case Sockets:
		s.Sockets = append(s.Sockets, *r.socket)
	case Files:
		s.Files = append(s.Files, *r.file)
	case Program:
		s.Events = append(s.Events, *r.event)
	}
}

// orphanOf makes an orphan of a record that is of no opening.
func (j *joiner) orphanOf(r looseRecord) {
	switch {
	case r.socket != nil:
		j.orphan(r.host, Sockets, r.line, fmt.Sprintf("%s %s: no capture has such a connection", r.socket.State, r.tuple))
	case r.file != nil:
		j.orphan(r.host, Files, r.line, fmt.Sprintf("descriptor %d of process %d is %s: no capture has such a connection", r.file.FD, r.file.PID, r.tuple))
	case r.event != nil:
		j.orphan(r.host, Program, r.line, fmt.Sprintf("its program says %q of %s: no capture has such a connection", r.event.Event, r.tuple))
	default:
		j.orphan(r.host, Packets, r.packet.Number, fmt.Sprintf("%s, %d bytes, %s: no capture has the SYN of it", r.packet.Flags, r.packet.Length, r.tuple))
	}
}

// overheard makes orphans of openings that only hosts have which are neither
// their ends nor on their way.
func (j *joiner) overheard() {
	var keys []openingKey
	for k, of := range j.openings {
		known := slices.ContainsFunc(of, func(o *opening) bool {
			return j.forwards(o.host) || o.host.Name == j.hostOf(k.Source.Addr(), k.host) || o.host.Name == j.hostOf(k.Destination.Addr(), k.host)
		})
		if !known {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, openingKey.compare)
	for _, k := range keys {
		for _, o := range j.openings[k] {
			j.orphan(o.host, Packets, o.packets[0].Number, fmt.Sprintf("%s: none of its ends is here, and none has it", k.FourTuple))
		}
	}
}

// foldOrphans leaves one orphan of all packets of a capture with the same
// endpoints: there may be a million.
func (j *joiner) foldOrphans() {
	seen := make(map[string]bool)
	j.run.Orphans = slices.DeleteFunc(j.run.Orphans, func(o Orphan) bool {
		if o.Witness != Packets {
			return false
		}
		_, after, _ := strings.Cut(o.What, " bytes, ")
		k := o.Host + " " + after
		again := seen[k]
		seen[k] = true
		return again
	})
}
