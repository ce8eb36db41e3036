package report

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

// SocketsAt are the rows of a host's named snapshot; without a name those of
// the last snapshot that has a name. Of a host whose evidence ends before its
// first named snapshot they are the last that there are.
func SocketsAt(h *evidence.Host, snapshot string) ([]evidence.Socket, error) {
	number, err := numberOf(h, snapshot, evidence.LastDump(h.Sockets))
	return evidence.Dump(h.Sockets, number), err
}

// FilesAt is SocketsAt for open files.
func FilesAt(h *evidence.Host, snapshot string) ([]evidence.File, error) {
	number, err := numberOf(h, snapshot, evidence.LastDump(h.Files))
	return evidence.Dump(h.Files, number), err
}

// numberOf is the number of a snapshot's dump.
func numberOf(h *evidence.Host, snapshot string, last int) (int, error) {
	number, found := h.Snapshots[snapshot]
	if !found && snapshot != "" {
		return 0, fmt.Errorf("%s has no snapshot %q; those it has: %q", Printable(h.Name), snapshot, slices.Sorted(maps.Keys(h.Snapshots)))
	}
	switch {
	case found:
		return number, nil
	case len(h.Snapshots) == 0:
		return last, nil
	}
	return slices.Max(slices.Collect(maps.Values(h.Snapshots))), nil
}

// A socketView is a socket table that claims look at.
type socketView struct {
	claim.SocketTable
	Sockets string // netstat's table; empty without rows
	More    int
}

// socketViews are the socket tables that a lab's claims look at, with at most so
// many rows each; those of a run that ended before are not there.
func socketViews(run *evidence.Run, most int) (views []socketView) {
	for _, t := range claim.SocketTables(run.Lab) {
		host := run.Hosts[t.Host]
		if host == nil {
			continue
		}
		sockets, err := SocketsAt(host, t.Snapshot)
		if err != nil {
			continue
		}
		files, _ := FilesAt(host, t.Snapshot) // it has that snapshot
		view := socketView{SocketTable: t}
		if sockets, view.More = first(most, sockets); len(sockets) > 0 {
			view.Sockets = ownedSockets(sockets, files, host.Defect(evidence.Files) == "")
		}
		views = append(views, view)
	}
	return views
}

// A serverView is what a server's own witnesses have in the run's last
// snapshot.
type serverView struct {
	Name                              string
	Drawn                             []serverSocket
	Sockets, Files                    string // netstat's and lsof's tables; empty without rows
	MoreDrawn, MoreSockets, MoreFiles int
}

// A serverSocket is a listening socket, a UDP socket or, where it has a
// connection, one of those that the listening sockets made.
type serverSocket struct {
	Kind       string
	Local      netip.AddrPort
	OpenFile   string // its descriptor and inode
	Connection *evidence.Connection
}

// serverViews are those of the first servers of a run.
func serverViews(run *evidence.Run) []serverView {
	names, _ := first(mostServers, serversOf(run))
	var views []serverView
	for _, name := range names {
		views = append(views, serverViewOf(name, run))
	}
	return views
}

func serverViewOf(name string, run *evidence.Run) serverView {
	view := serverView{Name: name}
	host := run.Hosts[name]
	if host == nil {
		return view
	}
	// Without a name of a snapshot there is no error.
	sockets, _ := SocketsAt(host, "")
	files, _ := FilesAt(host, "")
	files = slices.DeleteFunc(files, func(f evidence.File) bool { return !f.Local.IsValid() })
	view.Drawn, view.MoreDrawn = first(mostDrawn, serverSockets(run, name, sockets, files))
	sockets, view.MoreSockets = first(mostRows, sockets)
	if len(sockets) > 0 {
		view.Sockets = socketsText(sockets)
	}
	files, view.MoreFiles = first(mostRows, files)
	view.Files = filesText(files)
	return view
}

// serverSockets are the listening and the UDP sockets of a snapshot, and a socket
// for each connection to the server.
func serverSockets(run *evidence.Run, server string, sockets []evidence.Socket, files []evidence.File) []serverSocket {
	var all []serverSocket
	for _, s := range sockets {
		kind := ""
		switch {
		case s.State == evidence.Listen:
			kind = "listening"
		case strings.HasPrefix(s.Protocol, evidence.UDP) && s.State == evidence.Established:
			kind = "connected UDP"
		case strings.HasPrefix(s.Protocol, evidence.UDP):
			kind = "UDP"
		default:
			continue
		}
		all = append(all, serverSocket{Kind: kind, Local: s.Local, OpenFile: openFileText([]evidence.Socket{s}, files)})
	}
	for i := range run.Connections {
		if c := &run.Connections[i]; c.Server.Host == server && c.Outcome == evidence.Opened {
			all = append(all, serverSocket{"connection's", c.Server.Local, openFileText(c.Server.Sockets, c.Server.Files), c})
		}
	}
	return all
}

// openFileText names the descriptors that hold a socket, and its inode; rows of
// several snapshots may say the same.
func openFileText(sockets []evidence.Socket, files []evidence.File) string {
	var parts []string
	for _, f := range files {
		part := fmt.Sprintf("fd %d, inode %d", f.FD, f.Inode)
		if slices.ContainsFunc(sockets, func(s evidence.Socket) bool { return s.Inode == f.Inode }) && !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "no open file seen"
	}
	return strings.Join(parts, ", ")
}
