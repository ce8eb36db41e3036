package report

import (
	"slices"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Sizes of the drawing of hosts and subnets, in pixels.
const (
	margin     = 12
	gap        = 16
	laneLabel  = 30
	hostHeight = 72
	rowWidth   = 620 // that hosts side by side may take
	longest    = 24  // letters of a name
)

// drawer places a lab's hosts and subnets.
type drawer struct {
	figure
	lab       *topology.Lab
	lanes     lanes
	notes     map[string]string
	hostWidth int
	wide      int   // the width of a column of routers
	perRow    int   // hosts side by side in a lane
	left      int   // where the hosts of a lane begin
	tops      []int // of the lanes
	heights   []int
}

// draw draws the lab's topology, with what the verdict knows of its ports.
func draw(lab *topology.Lab, v claim.Verdict) *figure {
	d := &drawer{lab: lab, lanes: lanesOf(lab), notes: notesOf(lab, v)}
	d.ID, d.Title = "topology", "Each band is a subnet; a host with several addresses stands across its subnets"
	d.Description = describe(lab)
	d.measure()
	for i, subnet := range d.lanes.subnets {
		d.ground("lane", margin, d.tops[i], d.Width-2*margin, d.heights[i])
		d.label("lane-name start", d.left, d.tops[i]+20, shorten(printable(subnet.Name), longest)+"  "+subnet.Prefix.String())
		d.wires(i)
		for n, h := range d.lanes.single[subnet.Name] {
			d.single(h, i, n)
		}
	}
	for i, column := range d.lanes.columns {
		for _, h := range column {
			d.multiple(h, i)
		}
	}
	return &d.figure
}

func (d *drawer) measure() {
	most := 1
	for _, hosts := range d.lanes.single {
		most = max(most, len(hosts))
		for _, h := range hosts {
			d.hostWidth = max(d.hostWidth, textWidth(d.linesOf(h)...))
		}
	}
	for _, column := range d.lanes.columns {
		for _, h := range column {
			d.wide = max(d.wide, textWidth(d.linesOf(h)...))
		}
	}
	d.hostWidth = max(d.hostWidth+24, 168)
	d.wide += 24
	if d.perRow = most; most > 3 {
		d.perRow = 2 + most%2
	}
	d.perRow = max(1, min(d.perRow, rowWidth/(d.hostWidth+gap)))
	d.left = margin + gap + len(d.lanes.columns)*(d.wide+gap) + gap
	d.Width = d.left + d.perRow*(d.hostWidth+gap) + margin
	top := margin
	for _, subnet := range d.lanes.subnets {
		rows := max(1, (len(d.lanes.single[subnet.Name])+d.perRow-1)/d.perRow)
		height := laneLabel + rows*(hostHeight+gap)
		d.tops, d.heights = append(d.tops, top), append(d.heights, height)
		top += height + gap
	}
	d.Height = max(top-gap+margin, 2*margin)
}

// linesOf are the lines in a host's box.
func (d *drawer) linesOf(h *topology.Host) []string {
	lines := []string{shorten(printable(h.Name), longest)}
	if note := d.notes[h.Name]; note != "" {
		lines = append(lines, shorten(note, longest))
	}
	for _, link := range h.Links {
		lines = append(lines, link.Address.Addr().String())
	}
	return lines
}

// rowMiddle is where the wire of a lane's row runs.
func (d *drawer) rowMiddle(lane, row int) int {
	return d.tops[lane] + laneLabel + row*(hostHeight+gap) + hostHeight/2
}

func (d *drawer) columnLeft(column int) int { return margin + gap + column*(d.wide+gap) }

// wires connects what is in a lane: a line through each row of hosts, begun at
// the first host with several links, and an upright line that joins the rows.
func (d *drawer) wires(lane int) {
	subnet := d.lanes.subnets[lane].Name
	from, to := d.left, 0
	for i, column := range d.lanes.columns {
		for _, h := range column {
			if slices.Contains(subnetNames(h), subnet) {
				from, to = min(from, d.columnLeft(i)+d.wide), max(to, d.columnLeft(i))
			}
		}
	}
	upright := d.left - gap
	hosts := len(d.lanes.single[subnet])
	rows := (hosts + d.perRow - 1) / d.perRow
	for row := range max(rows, 1) {
		end, begin := to, from
		if inRow := min(d.perRow, hosts-row*d.perRow); inRow > 0 {
			end = d.left + (inRow-1)*(d.hostWidth+gap)
		}
		if row > 0 {
			begin = upright
		}
		if end > begin {
			d.wire("link", begin, d.rowMiddle(lane, row), end, d.rowMiddle(lane, row))
		}
	}
	if rows > 1 {
		d.wire("link", upright, d.rowMiddle(lane, 0), upright, d.rowMiddle(lane, rows-1))
	}
}

// single draws a host inside its lane.
func (d *drawer) single(h *topology.Host, lane, n int) {
	x := d.left + n%d.perRow*(d.hostWidth+gap)
	y := d.rowMiddle(lane, n/d.perRow) - hostHeight/2
	d.area(d.class(h), x, y, d.hostWidth, hostHeight)
	d.label("host-name start", x+12, y+22, shorten(printable(h.Name), longest))
	d.label("address start", x+12, y+42, h.Links[0].Address.Addr().String())
	d.label("note start", x+12, y+60, shorten(d.notes[h.Name], longest))
}

// multiple draws a host beside its lanes, with each address at its lane.
func (d *drawer) multiple(h *topology.Host, column int) {
	first, last := d.lanes.span(h)
	x, y := d.columnLeft(column), d.tops[first]+8
	d.area(d.class(h), x, y, d.wide, d.rowMiddle(last, 0)+hostHeight/2-y)
	d.label("host-name start", x+12, y+22, shorten(printable(h.Name), longest))
	d.label("note start", x+12, y+39, shorten(d.notes[h.Name], longest))
	for _, link := range h.Links {
		d.label("address end", x+d.wide-12, d.rowMiddle(d.lanes.index(link.Subnet), 0)+5, link.Address.Addr().String())
	}
}

func (d *drawer) class(h *topology.Host) string {
	switch {
	case h.Name == d.lab.Server:
		return "box server"
	case slices.Contains(d.lab.Clients, h.Name):
		return "box client"
	}
	return "box"
}
