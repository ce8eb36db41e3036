package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Sizes of the drawing of the server's port, in pixels.
const (
	doorHeight = 60
	doorGap    = 14
	doorReach  = 40 // from a client to the server
)

// A door is one socket of the server, and who is on the other side of it.
type door struct {
	client, remote string // remote is the endpoint as the server has it
	source         string // as the client has it, where a router translated
	local          string
	held           string // the open file and the inode
	listens        bool
}

// doorsOf draws the server's port: the listening socket and each accepted one
// with the endpoint it belongs to. It is nil where there is nothing to draw or
// too much of it.
func doorsOf(p Page, joined []*evidence.Connection, sockets []evidence.Socket, files []evidence.File) *figure {
	doors := listeningDoors(p.Lab.Port, sockets, files)
	for i, c := range p.Verdict.Connections {
		if c.Server != p.Lab.Server {
			continue
		}
		doors = append(doors, doorOf(c, joined[i]))
	}
	if len(doors) == 0 || len(doors) > mostDoors {
		return nil
	}
	return drawDoors(p, doors)
}

func doorOf(c claim.Connection, joined *evidence.Connection) door {
	d := door{client: hostName(c.Client), remote: c.Source.String(), local: c.Destination.String(), held: heldBy(nil, nil)}
	if c.Translated != nil {
		d.remote, d.local, d.source = c.Translated.Source.String(), c.Translated.Destination.String(), "sent from "+c.Source.String()
	}
	if joined != nil {
		d.held = heldBy(joined.Server.Sockets, joined.Server.Files)
	}
	return d
}

func listeningDoors(port uint16, sockets []evidence.Socket, files []evidence.File) []door {
	var doors []door
	for _, s := range sockets {
		if s.State != evidence.Listen || s.Local.Port() != port {
			continue
		}
		open := slices.DeleteFunc(slices.Clone(files), func(f evidence.File) bool { return f.Inode != s.Inode })
		doors = append(doors, door{
			remote: "whoever comes", local: netstatEndpoint(s.Local, s.Protocol), listens: true,
			held: heldBy([]evidence.Socket{s}, open),
		})
	}
	return doors
}

// heldBy names the inodes of a socket and the descriptors that hold it, or says
// which of the two witnesses has none.
func heldBy(sockets []evidence.Socket, files []evidence.File) string {
	var inodes, descriptors []string
	for _, s := range sockets {
		if s.Inode != 0 {
			inodes = append(inodes, fmt.Sprint(s.Inode))
		}
	}
	for _, f := range files {
		descriptors = append(descriptors, printable(f.FD))
	}
	return either("fd ", descriptors, "no open file seen") + ", " + either("inode ", inodes, "no inode seen")
}

func either(name string, values []string, none string) string {
	if len(values) == 0 {
		return none
	}
	slices.Sort(values)
	return name + strings.Join(slices.Compact(values), " and ")
}

func drawDoors(p Page, doors []door) *figure {
	f := &figure{ID: "port", Title: fmt.Sprintf("The sockets of %s on port %d", printable(p.Lab.Server), p.Lab.Port)}
	clients, sockets := 0, textWidth(shorten(printable(p.Lab.Server), longest))
	for _, d := range doors {
		clients = max(clients, textWidth(shorten(d.client, longest), d.remote)+24, noteWidth(d.source)+24)
		sockets = max(sockets, textWidth(d.local)+24, noteWidth(shorten(d.held, 2*longest), "listening socket")+24)
	}
	right := margin + clients + doorReach
	f.Width = right + sockets + 2*gap + margin
	f.Height = margin + laneLabel + len(doors)*(doorHeight+doorGap) + margin
	f.ground("box server", right, margin, sockets+2*gap, f.Height-2*margin)
	f.label("host-name start", right+gap, margin+20, shorten(printable(p.Lab.Server), longest))
	for i, d := range doors {
		f.door(d, margin+laneLabel+i*(doorHeight+doorGap), clients, right+gap, sockets)
	}
	f.Description = describeDoors(doors)
	return f
}

// door draws one socket, and left of it the endpoint that it belongs to.
func (f *figure) door(d door, y, clients, x, width int) {
	middle := y + doorHeight/2
	if d.listens {
		f.area("socket listening", x, y, width, doorHeight)
		f.label("note start", x+12, y+18, "listening socket")
	} else {
		f.area("box client", margin, y, clients, doorHeight)
		f.label("host-name start", margin+12, y+19, shorten(d.client, longest))
		f.label("address start", margin+12, y+36, d.remote)
		f.label("note start", margin+12, y+52, d.source)
		f.area("socket", x, y, width, doorHeight)
		f.arrow("link", margin+clients, middle, x)
		f.label("note start", x+12, y+18, "accepted socket")
	}
	f.label("address start", x+12, y+35, d.local)
	f.label("note start", x+12, y+52, shorten(d.held, 2*longest))
}

// arrow is a level line with a head at its end.
func (f *figure) arrow(class string, from, y, to int) {
	back := -7
	if to < from {
		back = 7
	}
	head := fmt.Sprintf("%d,%d %d,%d %d,%d", to, y, to+back, y-4, to+back, y+4)
	f.Wires = append(f.Wires, wire{X1: from, Y1: y, X2: to + back, Y2: y, Class: class, Arrow: head})
}

func describeDoors(doors []door) string {
	var texts []string
	for _, d := range doors {
		kind := "accepted socket"
		if d.listens {
			kind = "listening socket"
		}
		texts = append(texts, fmt.Sprintf("%s %s (%s) for %s", kind, d.local, d.held, strings.TrimSpace(d.client+" "+d.remote)))
	}
	return strings.Join(texts, "; ") + "."
}
