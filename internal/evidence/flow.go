package evidence

import (
	"net/netip"
	"slices"
)

// A role is the side of a connection that a host is on.
type role int

const (
	unknown role = iota
	client
	server
)

// A Side is what the witnesses of one host saw of one connection.
type Side struct {
	// Host is the host's name; empty where no host of the lab has the address.
	Host string
	// Local is the host's own endpoint, Remote the other one as the host has it.
	Local, Remote netip.AddrPort
	Packets       []Packet
	Sockets       []Socket
	Files         []File
	Accounts      []Account
}

// pair is a flow's key within one host.
type pair struct{ local, remote netip.AddrPort }

// A flow is a side that is not yet known to be the client's or the server's.
type flow struct {
	Side
	role  role
	taken bool
}

// flows gathers what one host saw by pairs of endpoints, the host's own first.
// A packet that only passes through the host belongs to none.
func flows(h *Host, owners map[netip.Addr]string) map[pair]*flow {
	found := make(map[pair]*flow)
	at := func(local, remote netip.AddrPort) *Side {
		key := pair{local, remote}
		if found[key] == nil {
			found[key] = &flow{Side: Side{Host: h.Name, Local: local, Remote: remote}}
		}
		return &found[key].Side
	}
	owns := func(a netip.Addr) bool { return owners[a] == h.Name || a.IsLoopback() }
	foreign := passing(h, owns)
	for _, p := range h.Packets {
		if owns(p.Source.Addr()) {
			s := at(p.Source, p.Destination)
			s.Packets = append(s.Packets, p)
		}
		if owns(p.Destination.Addr()) {
			s := at(p.Destination, p.Source)
			s.Packets = append(s.Packets, p)
		}
	}
	for _, row := range h.Sockets {
		if local, remote := Unmap(row.Local), Unmap(row.Remote); connected(local, remote) {
			s := at(local, remote)
			s.Sockets = append(s.Sockets, row)
		}
	}
	for _, row := range h.Files {
		if local, remote := Unmap(row.Local), Unmap(row.Remote); connected(local, remote) {
			s := at(local, remote)
			s.Files = append(s.Files, row)
		}
	}
	for _, said := range h.Accounts {
		if local, remote := Unmap(said.Local), Unmap(said.Remote); connected(local, remote) {
			s := at(local, remote)
			s.Accounts = append(s.Accounts, said)
		}
	}
	for key := range found {
		if foreign[key] {
			delete(found, key)
		}
	}
	listening := listeningPorts(h)
	for _, f := range found {
		f.role = f.decide(listening)
	}
	return found
}

// passing are the pairs of endpoints under which a router forwarded what is not
// its own: its address is in them only because it translated. Its table says
// so, and its capture has the same SYN under another source too.
func passing(h *Host, owns func(netip.Addr) bool) map[pair]bool {
	pairs := make(map[pair]bool)
	for _, t := range h.Translations {
		pairs[pair{t.Translated.Source, t.Translated.Destination}] = true
		pairs[pair{t.Original.Destination, t.Original.Source}] = true
	}
	type begin struct {
		destination netip.AddrPort
		seq         uint32
	}
	forwarded := make(map[begin]bool)
	for _, p := range h.Packets {
		if opens(p) && !owns(p.Source.Addr()) {
			forwarded[begin{p.Destination, p.Seq}] = true
		}
	}
	for _, p := range h.Packets {
		if opens(p) && owns(p.Source.Addr()) && forwarded[begin{p.Destination, p.Seq}] {
			pairs[pair{p.Source, p.Destination}] = true
		}
	}
	return pairs
}

// opens tells whether the packet is the first of a connection.
func opens(p Packet) bool { return p.Flags.Has(SYN) && !p.Flags.Has(ACK) }

func connected(local, remote netip.AddrPort) bool {
	return FourTuple{local, remote}.IsValid()
}

// listeningPorts are the ports that the host's own witnesses saw it listen on.
func listeningPorts(h *Host) map[uint16]bool {
	ports := make(map[uint16]bool)
	for _, s := range h.Sockets {
		if s.State == Listen {
			ports[s.Local.Port()] = true
		}
	}
	for _, f := range h.Files {
		if f.State == Listen {
			ports[f.Local.Port()] = true
		}
	}
	return ports
}

// decide tells the side of the connection that the host is on. Who sent the
// first SYN is the client (RFC 9293, section 3.5); without that packet, who
// accepted or connected by its own account; and then who listens on the port.
func (f *flow) decide(listening map[uint16]bool) role {
	for _, p := range f.Packets {
		if opens(p) {
			if p.Source == f.Local {
				return client
			}
			return server
		}
	}
	if slices.ContainsFunc(f.Accounts, func(a Account) bool { return a.Event == SaidConnected }) {
		return client
	}
	if slices.ContainsFunc(f.Accounts, func(a Account) bool { return a.Event == SaidAccepted }) ||
		listening[f.Local.Port()] {
		return server
	}
	return unknown
}
