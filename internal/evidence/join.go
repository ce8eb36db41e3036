package evidence

import (
	"cmp"
	"net/netip"
	"slices"
)

// A Connection is all the evidence about one TCP connection.
type Connection struct {
	// FourTuple is the client's view, from the client to the server.
	FourTuple
	// Translated is the server's view where a router translated addresses on
	// the way; otherwise it is nil.
	Translated *FourTuple
	// Client and Server are what either side saw. A side that nothing was seen
	// of has endpoints but no records.
	Client, Server Side
}

// AtServer is the four-tuple as the server's side has it, client first.
func (c *Connection) AtServer() FourTuple {
	if c.Translated != nil {
		return *c.Translated
	}
	return c.FourTuple
}

// Join puts together what all hosts saw, connection by connection, in the
// order of their four-tuples. The owners say which host has an address.
func Join(run *Run, owners map[netip.Addr]string) []Connection {
	all := make(map[string]map[pair]*flow)
	for name, h := range run.Hosts {
		all[name] = flows(h, owners)
	}
	j := joiner{flows: all, owners: owners, translations: translations(run)}
	for _, name := range run.Names() {
		j.fromClients(name)
	}
	for _, name := range run.Names() {
		j.rest(name)
	}
	slices.SortFunc(j.connections, func(a, b Connection) int {
		return cmp.Or(a.Source.Compare(b.Source), a.Destination.Compare(b.Destination))
	})
	return j.connections
}

func translations(run *Run) map[FourTuple]FourTuple {
	found := make(map[FourTuple]FourTuple)
	for _, name := range run.Names() {
		for _, t := range run.Hosts[name].Translations {
			found[t.Original] = t.Translated
		}
	}
	return found
}

type joiner struct {
	flows        map[string]map[pair]*flow
	owners       map[netip.Addr]string
	translations map[FourTuple]FourTuple
	connections  []Connection
}

// fromClients makes a connection of every flow that its host began.
func (j *joiner) fromClients(host string) {
	for _, f := range j.flows[host] {
		if f.role != client || f.taken {
			continue
		}
		f.taken = true
		tuple := FourTuple{Source: f.Local, Destination: f.Remote}
		j.connect(tuple, f.Side, j.serverOf(tuple, f))
	}
}

// serverOf finds the server's flow of a connection, directly or through a
// translation, and the four-tuple it has there.
func (j *joiner) serverOf(tuple FourTuple, of *flow) *flow {
	if f := j.free(tuple.Reverse(), of.Host); f != nil {
		return f
	}
	if translated, ok := j.translations[tuple]; ok {
		if f := j.free(translated.Reverse(), of.Host); f != nil {
			return f
		}
		return &flow{Side: j.unseen(translated.Reverse())}
	}
	if f := j.sameNumbers(of); f != nil {
		return f
	}
	return &flow{Side: j.unseen(tuple.Reverse())}
}

// free takes the flow with these endpoints at the host that owns the first, or
// for loopback at the host itself.
func (j *joiner) free(t FourTuple, self string) *flow {
	host := j.owner(t.Source.Addr(), self)
	f := j.flows[host][pair{t.Source, t.Destination}]
	if f == nil || f.taken {
		return nil
	}
	f.taken = true
	return f
}

func (j *joiner) owner(a netip.Addr, self string) string {
	if a.IsLoopback() {
		return self
	}
	return j.owners[a]
}

func (j *joiner) unseen(t FourTuple) Side {
	return Side{Host: j.owners[t.Source.Addr()], Local: t.Source, Remote: t.Destination}
}

// sameNumbers finds the server's flow that began with the same two initial
// sequence numbers. A router that translates addresses leaves them alone, and
// by chance they are the same once in 2^64.
func (j *joiner) sameNumbers(of *flow) *flow {
	syn, synAck, ok := initialNumbers(of.Packets)
	if !ok {
		return nil
	}
	for _, flows := range j.flows {
		for _, f := range flows {
			if f.taken || f.role != server {
				continue
			}
			if s, a, ok := initialNumbers(f.Packets); ok && s == syn && a == synAck {
				f.taken = true
				return f
			}
		}
	}
	return nil
}

// initialNumbers are the sequence numbers of the SYN and of its answer.
func initialNumbers(packets []Packet) (syn, synAck uint32, ok bool) {
	var began bool
	for _, p := range packets {
		switch {
		case p.Flags.Has(SYN | ACK):
			synAck, ok = p.Seq, began && p.Ack == syn+1
		case p.Flags.Has(SYN):
			syn, began = p.Seq, true
		}
	}
	return syn, synAck, ok
}

// rest makes connections of the flows whose client's side nobody saw, or whose
// sides cannot be told: then the host counts as the server.
func (j *joiner) rest(host string) {
	for _, f := range j.flows[host] {
		if f.taken {
			continue
		}
		f.taken = true
		tuple := FourTuple{Source: f.Remote, Destination: f.Local}
		other := j.free(tuple, host)
		if other == nil {
			other = &flow{Side: j.unseen(tuple)}
		}
		if f.role == unknown && other.role == server {
			f, other, tuple = other, f, tuple.Reverse()
		}
		j.connect(tuple, other.Side, f)
	}
}

func (j *joiner) connect(t FourTuple, clientSide Side, serverFlow *flow) {
	c := Connection{FourTuple: t, Client: clientSide, Server: serverFlow.Side}
	if at := (FourTuple{Source: c.Server.Remote, Destination: c.Server.Local}); at != t {
		c.Translated = &at
	}
	j.connections = append(j.connections, c)
}
