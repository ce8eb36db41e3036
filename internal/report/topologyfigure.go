package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// Sizes of the drawing of hosts and subnets, in pixels.
const (
	bandTitle  = 30
	hostHeight = 72
	rowWidth   = 620 // that hosts side by side may take
)

// A topologyFigure is a drawing of a lab: subnets are bands one below the
// other, hosts with one link stand inside their subnet, and hosts with several
// links beside them, each from its first subnet to its last.
//
//	          ┌ home ────────────────┐
//	┌ router ┐│ server               │
//	│        │└──────────────────────┘
//	│        │┌ cafe ────────────────┐
//	└────────┘│ client1              │
//	          └──────────────────────┘
type topologyFigure struct {
	figure
	lab       *topology.Lab
	notes     map[string]string // a line for a host's box, by its name
	bands     []band
	routers   []*topology.Host // hosts with several links
	hostWidth int
	perRow    int // hosts side by side in a band
	left      int // where the hosts of a band begin
}

type band struct {
	subnet      topology.Subnet
	hosts       []*topology.Host
	top, height int
}

func drawTopology(lab *topology.Lab, notes map[string]string) *figure {
	f := &topologyFigure{lab: lab, notes: notes}
	f.ID, f.Title = "topology", "Each band is a subnet; a host with several addresses stands across its subnets"
	f.Description = fmt.Sprintf("%d hosts on %d subnets; the table below has the same in words.", len(lab.Hosts), len(lab.Subnets))
	f.arrange()
	f.measure()
	for i := range f.bands {
		f.drawBand(i)
	}
	for i, h := range f.routers {
		f.drawRouter(h, f.routerLeft(i))
	}
	return &f.figure
}

// arrange puts the server's subnets first, then those between routers, then
// those of the clients in the clients' order; hosts with several links stand in
// the order of their first subnets.
func (f *topologyFigure) arrange() {
	single := make(map[string][]*topology.Host)
	for i := range f.lab.Hosts {
		if h := &f.lab.Hosts[i]; len(h.Links) == 1 {
			single[h.Links[0].Subnet] = append(single[h.Links[0].Subnet], h)
		}
	}
	for _, s := range f.lab.Subnets {
		f.bands = append(f.bands, band{subnet: s, hosts: single[s.Name]})
	}
	slices.SortStableFunc(f.bands, func(a, b band) int { return cmp.Compare(f.rank(a), f.rank(b)) })
	for i := range f.lab.Hosts {
		if h := &f.lab.Hosts[i]; len(h.Links) > 1 && !slices.Contains(f.bandsOf(h), -1) {
			f.routers = append(f.routers, h)
		}
	}
	slices.SortStableFunc(f.routers, func(a, b *topology.Host) int {
		return cmp.Compare(slices.Min(f.bandsOf(a)), slices.Min(f.bandsOf(b)))
	})
}

func (f *topologyFigure) rank(b band) int {
	for i, name := range append([]string{f.lab.Server}, f.lab.Clients...) {
		if h, ok := f.lab.Host(name); ok && slices.ContainsFunc(h.Links, func(l topology.Link) bool { return l.Subnet == b.subnet.Name }) {
			return 2 * i
		}
	}
	if len(b.hosts) == 0 {
		return 1
	}
	return 2*len(f.lab.Clients) + 2
}

// bandsOf are the bands of a host's links, link by link; -1 is a subnet that
// the lab does not have.
func (f *topologyFigure) bandsOf(h *topology.Host) []int {
	indexes := make([]int, len(h.Links))
	for i, link := range h.Links {
		indexes[i] = slices.IndexFunc(f.bands, func(b band) bool { return b.subnet.Name == link.Subnet })
	}
	return indexes
}

func (f *topologyFigure) measure() {
	for _, h := range f.lab.Hosts {
		f.hostWidth = max(f.hostWidth, textWidth(shortName(h.Name), f.notes[h.Name]))
		for _, link := range h.Links {
			f.hostWidth = max(f.hostWidth, textWidth(link.Address.Addr().String()))
		}
	}
	f.perRow = 1
	for _, b := range f.bands {
		f.perRow = max(f.perRow, min(len(b.hosts), rowWidth/(f.hostWidth+gap)))
	}
	f.left = f.routerLeft(len(f.routers)) + gap
	f.Width = f.left + f.perRow*(f.hostWidth+gap) + margin
	top := margin
	for i := range f.bands {
		b := &f.bands[i]
		b.top, b.height = top, bandTitle+max(1, f.rows(*b))*(hostHeight+gap)
		top += b.height + gap
		f.Width = max(f.Width, f.left+textWidth(f.title(*b)))
	}
	f.Height = top + margin
}

func (f *topologyFigure) title(b band) string {
	return shortName(b.subnet.Name) + "  " + b.subnet.Prefix.String()
}

func (f *topologyFigure) routerLeft(i int) int { return margin + gap + i*(f.hostWidth+gap) }

func (f *topologyFigure) rows(b band) int { return (len(b.hosts) + f.perRow - 1) / f.perRow }

// rowMiddle is where the wire of a band's row runs.
func (f *topologyFigure) rowMiddle(b band, row int) int {
	return b.top + bandTitle + row*(hostHeight+gap) + hostHeight/2
}

// drawBand draws a subnet, its hosts with one link, and the wire that connects
// all its hosts: from the first router on through the first row, and from an
// upright line at its left through the others.
func (f *topologyFigure) drawBand(index int) {
	b := f.bands[index]
	f.box("subnet", margin, b.top, f.Width-2*margin, b.height)
	f.text("subnet-name start", f.left, b.top+20, f.title(b))
	from, to := f.left, 0
	for i, h := range f.routers {
		if slices.Contains(f.bandsOf(h), index) {
			from, to = min(from, f.routerLeft(i)), max(to, f.routerLeft(i))
		}
	}
	if to > from {
		f.line("link", from, f.rowMiddle(b, 0), to, f.rowMiddle(b, 0))
	}
	for row := range f.rows(b) {
		inRow := min(f.perRow, len(b.hosts)-row*f.perRow)
		if row > 0 {
			from = f.left - gap
		}
		f.line("link", from, f.rowMiddle(b, row), f.left+(inRow-1)*(f.hostWidth+gap), f.rowMiddle(b, row))
	}
	if rows := f.rows(b); rows > 1 {
		f.line("link", f.left-gap, f.rowMiddle(b, 0), f.left-gap, f.rowMiddle(b, rows-1))
	}
	for i, h := range b.hosts {
		x, y := f.left+i%f.perRow*(f.hostWidth+gap), f.rowMiddle(b, i/f.perRow)-hostHeight/2
		f.box(f.class(h), x, y, f.hostWidth, hostHeight)
		f.text("host-name start", x+margin, y+22, shortName(h.Name))
		f.text("address start", x+margin, y+42, h.Links[0].Address.Addr().String())
		f.text("note start", x+margin, y+60, f.notes[h.Name])
	}
}

// drawRouter draws a host beside its bands, with each address at its band.
func (f *topologyFigure) drawRouter(h *topology.Host, x int) {
	bands := f.bandsOf(h)
	y := f.bands[slices.Min(bands)].top + 8
	f.box(f.class(h), x, y, f.hostWidth, f.rowMiddle(f.bands[slices.Max(bands)], 0)+hostHeight/2-y)
	f.text("host-name start", x+margin, y+22, shortName(h.Name))
	f.text("note start", x+margin, y+39, f.notes[h.Name])
	for i, link := range h.Links {
		f.text("address end", x+f.hostWidth-margin, f.rowMiddle(f.bands[bands[i]], 0)+5, link.Address.Addr().String())
	}
}

func (f *topologyFigure) class(h *topology.Host) string {
	switch {
	case h.Name == f.lab.Server:
		return "box server"
	case slices.Contains(f.lab.Clients, h.Name):
		return "box client"
	}
	return "box"
}
