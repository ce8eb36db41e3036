package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Sizes of the drawing of a server's sockets, in pixels.
const (
	socketHeight = 60
	socketGap    = 14
	socketReach  = 40 // from a client to the server
)

// A serverView is what a server's own witnesses have in the run's last
// snapshot.
type serverView struct {
	Name                   string
	Figure                 *figure
	Header                 string // netstat's
	Sockets                []markedLine
	Files                  string // lsof's table
	MoreSockets, MoreFiles int
}

// A markedLine is a line of netstat's; where its local endpoint has the port of a
// listening socket, that port is marked.
type markedLine struct{ Before, Mark, After string }

// serverViews are those of the lab's server, and of every other host that a
// connection came to.
func serverViews(run *evidence.Run) []serverView {
	names := []string{run.Lab.Server}
	for _, c := range run.Connections {
		if !slices.Contains(names, c.Server.Host) && len(names) < mostServers {
			names = append(names, c.Server.Host)
		}
	}
	var views []serverView
	for i, name := range names {
		if name != "" {
			views = append(views, serverViewOf(fmt.Sprintf("sockets-%d", i+1), name, run))
		}
	}
	return views
}

func serverViewOf(id, name string, run *evidence.Run) serverView {
	view := serverView{Name: name, Header: netstatHeader}
	host := run.Hosts[name]
	if host == nil {
		return view
	}
	// Without a name of a snapshot there is no error.
	sockets, _ := SocketsAt(host, "")
	files, _ := FilesAt(host, "")
	files = slices.DeleteFunc(files, func(f evidence.File) bool { return !f.Local.IsValid() })
	if all := serverSockets(run, name, sockets, files); len(all) > 0 && len(all) <= mostSockets {
		view.Figure = drawSockets(id, name, all)
	}
	listening := make(map[uint16]bool)
	for _, s := range sockets {
		listening[s.Local.Port()] = listening[s.Local.Port()] || s.State == evidence.Listen
	}
	sockets, view.MoreSockets = first(mostRows, sockets)
	for _, s := range sockets {
		line := markedLine{Before: netstatLine(s)}
		if listening[s.Local.Port()] {
			local := netstatEndpoint(s.Local, s.Protocol)
			colon := strings.LastIndex(local, ":")
			before, after, _ := strings.Cut(line.Before, local)
			line = markedLine{before + local[:colon], local[colon:], after}
		}
		view.Sockets = append(view.Sockets, line)
	}
	files, view.MoreFiles = first(mostRows, files)
	view.Files = filesText(files)
	return view
}

// A serverSocket is one socket of a server, and who is at the other end of it.
type serverSocket struct {
	kind           string // listening or accepted socket
	local          netip.AddrPort
	openFile       string // its descriptors and inodes
	client, remote string // the remote endpoint as the server has it
	source         string // as the client has it, where a router translated
}

// serverSockets are the listening sockets of a snapshot, and a socket for each
// connection to the server.
func serverSockets(run *evidence.Run, server string, sockets []evidence.Socket, files []evidence.File) []serverSocket {
	var all []serverSocket
	for _, s := range sockets {
		if s.State == evidence.Listen {
			open := slices.DeleteFunc(slices.Clone(files), func(f evidence.File) bool { return f.Inode != s.Inode })
			all = append(all, serverSocket{kind: "listening socket", local: s.Local, openFile: openFileText([]evidence.Socket{s}, open)})
		}
	}
	for _, c := range run.Connections {
		if c.Server.Host != server || c.Outcome != evidence.Opened {
			continue
		}
		s := serverSocket{
			kind: "accepted socket", local: c.Server.Local, openFile: openFileText(c.Server.Sockets, c.Server.Files),
			client: shortName(c.Client.Host), remote: c.Server.Remote.String(),
		}
		if c.Translated() {
			s.source = "sent from " + c.Source.String()
		}
		all = append(all, s)
	}
	return all
}

// openFileText names the descriptors that hold a socket, and its inode.
func openFileText(sockets []evidence.Socket, files []evidence.File) string {
	var parts []string
	add := func(part string) {
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	for _, f := range files {
		add(fmt.Sprintf("fd %d", f.FD))
	}
	if len(files) == 0 {
		add("no open file seen")
	}
	for _, s := range sockets {
		if s.Inode != 0 {
			add(fmt.Sprintf("inode %d", s.Inode))
		}
	}
	return shorten(strings.Join(parts, ", "), 2*longestName)
}

// drawSockets draws the server as a box with its sockets in it, and left of
// each accepted socket the client that it belongs to.
func drawSockets(id, server string, sockets []serverSocket) *figure {
	f := &figure{ID: id, Title: "The sockets of " + hostName(server)}
	clients, width := 0, textWidth(shortName(server))
	for _, s := range sockets {
		clients = max(clients, textWidth(s.client, s.remote, s.source))
		width = max(width, textWidth(s.kind, s.local.String(), s.openFile))
	}
	left := margin + clients + socketReach
	f.Width = left + width + 2*gap + margin
	f.Height = 2*margin + bandTitle + len(sockets)*(socketHeight+socketGap)
	f.box("box server", left, margin, width+2*gap, f.Height-2*margin)
	f.text("host-name start", left+gap, margin+20, shortName(server))
	f.Description = fmt.Sprintf("%d sockets, each with the client it belongs to; the tables below have the same in words.", len(sockets))
	for i, s := range sockets {
		y := margin + bandTitle + i*(socketHeight+socketGap)
		if s.client != "" {
			f.box("box client", margin, y, clients, socketHeight)
			f.text("host-name start", 2*margin, y+19, s.client)
			f.text("address start", 2*margin, y+36, s.remote)
			f.text("note start", 2*margin, y+52, s.source)
			f.arrow("link", margin+clients, y+socketHeight/2, left+gap)
		}
		f.box("socket "+strings.Fields(s.kind)[0], left+gap, y, width, socketHeight)
		f.text("note start", left+gap+margin, y+18, s.kind)
		f.text("address start", left+gap+margin, y+35, s.local.String())
		f.text("note start", left+gap+margin, y+52, s.openFile)
	}
	return f
}
