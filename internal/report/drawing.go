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
	Lab     *topology.Lab
	Notes   map[string]string // a line for a host's box, by its name
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

// drawingOf puts the server's subnets first, then those between routers, then
// those of the clients in the clients' order; routers stand in the order of
// their first subnets. Of a host on a subnet that the lab does not have there
// is no drawing.
func drawingOf(run *evidence.Run) *drawing {
	lab := run.Lab
	d := &drawing{Lab: lab, Notes: notesOf(run)}
	single := make(map[string][]topology.Host)
	for _, h := range lab.Hosts {
		if len(h.Links) == 1 {
			single[h.Links[0].Subnet] = append(single[h.Links[0].Subnet], h)
		}
	}
	for _, s := range lab.Subnets {
		d.Bands = append(d.Bands, band{Subnet: s, Hosts: single[s.Name]})
	}
	slices.SortStableFunc(d.Bands, func(a, b band) int { return cmp.Compare(rank(lab, a), rank(lab, b)) })
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

func rank(lab *topology.Lab, b band) int {
	for i, name := range lab.Clients {
		if h, ok := lab.Host(name); ok && slices.ContainsFunc(h.Links, func(l topology.Link) bool { return l.Subnet == b.Name }) {
			return 2 * i
		}
	}
	if len(b.Hosts) == 0 {
		return 1
	}
	return 2*len(lab.Clients) + 2
}

// Row is a subnet's row, counted from 1; 0 of one that the lab does not have.
func (d *drawing) Row(subnet string) int {
	return 1 + slices.IndexFunc(d.Bands, func(b band) bool { return b.Name == subnet })
}

// notesOf says of the server its port, of a client the source port that it had,
// and of a router what it does.
func notesOf(run *evidence.Run) map[string]string {
	notes := make(map[string]string)
	for _, c := range run.Connections {
		note := fmt.Sprintf("from port %d", c.Source.Port())
		if old := notes[c.Client.Host]; old != "" && old != note {
			note = "from several ports"
		}
		notes[c.Client.Host] = note
	}
	for _, h := range run.Lab.Hosts {
		if len(h.Masquerade) > 0 {
			notes[h.Name] = "forwards with NAT"
		} else if h.Forwards {
			notes[h.Name] = "forwards"
		}
	}
	return notes
}
