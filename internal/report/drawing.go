package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A drawing places a lab's hosts in a grid: a row for each subnet, with the
// hosts that have one link, and left of them a column for each host with
// several links, which reaches from its first subnet to its last.
//
//	          ┌ home ────────────────┐
//	┌ router ┐│ server               │
//	│        │└──────────────────────┘
//	│        │┌ cafe ────────────────┐
//	└────────┘│ client1              │
//	          └──────────────────────┘
type drawing struct {
	Notes   map[string]string // a line for a host's box, by its name
	Roles   map[string]string // "client" or "server", by a host's name
	Bands   []band
	Routers []router
	Last    int // the column after those of the routers
}

type band struct {
	topology.Subnet
	Row   int
	Hosts []topology.Host
}

type router struct {
	topology.Host
	Column, Row, End int
}

// drawingOf puts the servers' subnets first, then those between routers, then
// those of the clients in the clients' order, then others; routers stand in the
// order of their first subnets. Of a host on a subnet that the lab does not have there
// is no drawing.
func drawingOf(run *evidence.Run, l topology.Language) *drawing {
	lab := run.Lab
	d := &drawing{Notes: notesOf(run, l), Roles: rolesOf(run)}
	single := make(map[string][]topology.Host)
	for _, h := range lab.Hosts {
		if len(h.Links) == 1 {
			single[h.Links[0].Subnet] = append(single[h.Links[0].Subnet], h)
		}
	}
	for _, s := range lab.Subnets {
		d.Bands = append(d.Bands, band{Subnet: s, Hosts: single[s.Name]})
	}
	slices.SortStableFunc(d.Bands, func(a, b band) int { return cmp.Compare(d.rank(lab, a), d.rank(lab, b)) })
	for i := range d.Bands {
		d.Bands[i].Row = i + 1
	}
	for _, h := range lab.Hosts {
		var rows []int
		for _, link := range h.Links {
			rows = append(rows, d.Row(link.Subnet))
		}
		if len(rows) > 1 && !slices.Contains(rows, 0) {
			d.Routers = append(d.Routers, router{Host: h, Row: slices.Min(rows), End: slices.Max(rows) + 1})
		}
	}
	slices.SortStableFunc(d.Routers, func(a, b router) int { return cmp.Compare(a.Row, b.Row) })
	for i := range d.Routers {
		d.Routers[i].Column = i + 1
	}
	d.Last = len(d.Routers) + 1
	return d
}

// rank orders the bands.
func (d *drawing) rank(lab *topology.Lab, b band) int {
	has := func(role string) bool {
		return slices.ContainsFunc(b.Hosts, func(h topology.Host) bool { return d.Roles[h.Name] == role })
	}
	for i, name := range lab.Clients {
		if h, ok := lab.Host(name); ok && !has("server") && slices.ContainsFunc(h.Links, func(l topology.Link) bool { return l.Subnet == b.Name }) {
			return 2 + i
		}
	}
	switch {
	case has("server"):
		return 0
	case len(b.Hosts) == 0:
		return 1
	case has("client"):
		return 2 + len(lab.Clients)
	}
	return 3 + len(lab.Clients)
}

// Row is a subnet's row, counted from 1; 0 of one that the lab does not have.
func (d *drawing) Row(subnet string) int {
	return 1 + slices.IndexFunc(d.Bands, func(b band) bool { return b.Name == subnet })
}

// serversOf are the hosts that connections came to, or the first datagram
// between two endpoints, in this order.
func serversOf(run *evidence.Run) (servers []string) {
	add := func(name string) {
		if name != "" && !slices.Contains(servers, name) {
			servers = append(servers, name)
		}
	}
	for i := range run.Connections {
		add(run.Connections[i].Server.Host)
	}
	seen := make(map[evidence.FourTuple]bool)
	for i := range run.Datagrams {
		d := &run.Datagrams[i]
		if !seen[d.AtReceiver().Reverse()] && !seen[d.Reverse()] {
			add(d.Receiver.Host)
		}
		seen[d.FourTuple] = true
		seen[d.AtReceiver()] = true
	}
	return servers
}

// rolesOf are what hosts did in the run; one that was both is a server.
func rolesOf(run *evidence.Run) map[string]string {
	roles := make(map[string]string)
	for _, name := range run.Lab.Clients {
		roles[name] = "client"
	}
	for i := range run.Connections {
		roles[run.Connections[i].Client.Host] = "client"
	}
	for i := range run.Datagrams {
		roles[run.Datagrams[i].Sender.Host] = "client"
	}
	for _, name := range serversOf(run) {
		roles[name] = "server"
	}
	return roles
}

// notesOf says of a server the port that connections came to, of a client the
// source port that it had, and of a router what it does.
func notesOf(run *evidence.Run, l topology.Language) map[string]string {
	notes := make(map[string]string)
	note := func(host, words, several string, port uint16) {
		one := fmt.Sprintf(words, port)
		if old := notes[host]; old != "" && old != one {
			one = several
		}
		notes[host] = one
	}
	for i := range run.Connections {
		c := &run.Connections[i]
		note(c.Client.Host, say(l, "from port %d"), say(l, "from several ports"), c.Source.Port())
	}
	for i := range run.Connections {
		c := &run.Connections[i]
		if c.Server.Host != c.Client.Host {
			note(c.Server.Host, say(l, "at port %d"), say(l, "at several ports"), c.AtServer().Destination.Port())
		}
	}
	for _, h := range run.Lab.Hosts {
		if h.Translates() {
			notes[h.Name] = say(l, "forwards with NAT")
		} else if h.Forwards {
			notes[h.Name] = say(l, "forwards")
		}
	}
	return notes
}
