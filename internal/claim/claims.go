package claim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// onePort looks at the accepted sockets of the server, whatever port they are
// on, and at its listening sockets.
func onePort(j *judge) (Outcome, string) {
	for _, c := range j.opened {
		at := c.AtServer()
		if at.Destination.Port() != j.lab.Port && held(c) && j.certain(c, "server.packets", "server.sockets", "server.files") {
			return Refuted, fmt.Sprintf("the socket accepted from %s sits on port %d, not %d (%s)", at.Source, at.Destination.Port(), j.lab.Port, row(j.lab.Server, &c.Server))
		}
	}
	if gap := j.gap("server.packets", "server.sockets", "server.files", "router.packets"); gap != "" {
		return NotShown, gap
	}
	for _, c := range j.opened {
		if port := c.AtServer().Destination.Port(); port != j.lab.Port {
			return NotShown, fmt.Sprintf("%s is on port %d, not %d, and was not accepted", name(c), port, j.lab.Port)
		}
	}
	if !j.listening() {
		return NotShown, fmt.Sprintf("%s has no listening socket on port %d at its last snapshot", j.lab.Server, j.lab.Port)
	}
	return Holds, fmt.Sprintf("the listening socket and %s, all on port %d", count(len(j.opened), "accepted socket", "accepted sockets"), j.lab.Port)
}

// held tells whether a process of the server has the connection: one that still
// waits to be accepted is no accepted socket.
func held(c *evidence.Connection) bool {
	return slices.ContainsFunc(c.Server.Sockets, func(s evidence.Socket) bool { return s.Inode != 0 })
}

// row quotes what the socket table has of a side.
func row(host string, s *evidence.Side) string {
	r := s.Sockets[len(s.Sockets)-1]
	return fmt.Sprintf("%s:%d, %s %s %s %s", evidence.FileName(host, evidence.Sockets), r.Line, r.Protocol, r.Local, r.Remote, r.State)
}

// listening tells whether both the server's socket table and its open files have
// a listening socket on the lab's port.
func (j *judge) listening() bool {
	h := j.run.Hosts[j.lab.Server]
	at := h.Snapshots[topology.Settled]
	return slices.ContainsFunc(h.Sockets, func(s evidence.Socket) bool {
		return s.Snapshot == at && s.State == evidence.Listen && s.Local.Port() == j.lab.Port
	}) && slices.ContainsFunc(h.Files, func(f evidence.File) bool {
		return f.Snapshot == at && f.State == evidence.Listen && f.Local.Port() == j.lab.Port
	})
}

// distinctSources looks at the sources that the server sees, which are the
// translated ones where a router translates. Several connections of one client
// come from one address; those of two clients must not.
func distinctSources(j *judge) (Outcome, string) {
	addresses, subnets := make(map[netip.Addr]*evidence.Connection), make(map[string]*evidence.Connection)
	for _, c := range j.opened {
		if !j.certain(c, "client.packets", "server.packets", "server.sockets") || c.Client.Host == "" {
			continue
		}
		source := c.AtServer().Source
		if other := addresses[source.Addr()]; other != nil && other.Client.Host != c.Client.Host {
			return Refuted, fmt.Sprintf("the server saw the connections of %s and %s from one source address, %s and %s",
				other.Client.Host, c.Client.Host, other.AtServer().Source, source)
		}
		subnet := j.subnetOf(source.Addr())
		if other := subnets[subnet]; subnet != "" && other != nil && other.Client.Host != c.Client.Host {
			return Refuted, fmt.Sprintf("the sources of %s and %s are on one subnet, %s: %s and %s",
				other.Client.Host, c.Client.Host, subnet, other.AtServer().Source, source)
		}
		addresses[source.Addr()], subnets[subnet] = c, c
	}
	if gap := j.gap("client.packets", "router.packets", "server.packets", "server.sockets"); gap != "" {
		return NotShown, gap
	}
	var sources []string
	for _, c := range j.opened {
		at := c.AtServer()
		subnet := j.subnetOf(at.Source.Addr())
		if subnet == "" {
			return NotShown, fmt.Sprintf("the source %s is on no subnet of the lab", at.Source)
		}
		if !slices.Contains(j.lab.Clients, c.Client.Host) {
			return NotShown, fmt.Sprintf("%s is a connection of none of the lab's clients", c.FourTuple)
		}
		sources = append(sources, fmt.Sprintf("%s (%s)", at.Source, subnet))
	}
	more := ""
	if n := len(sources); n > quoted {
		sources, more = sources[:quoted], fmt.Sprintf(" and %d more", n-quoted)
	}
	return Holds, "the server saw " + strings.Join(sources, ", ") + more
}

// quoted is how many rows a reason quotes at most.
const quoted = 10

func (j *judge) subnetOf(a netip.Addr) string {
	for _, s := range j.lab.Subnets {
		if s.Prefix.Contains(a) {
			return s.Name
		}
	}
	return ""
}

// messagePorts looks at the segments with data in the captures of both ends.
// It counts connections to the lab's server only, and says so if there are
// others.
func messagePorts(j *judge) (Outcome, string) {
	for _, c := range j.opened {
		if sent, answered := dataSegments(c); sent+answered > 0 && c.Destination.Port() != j.lab.Port && j.certain(c, "client.packets", "server.packets") {
			return Refuted, fmt.Sprintf("%s sent its messages to port %d, not %d: %s", c.Client.Host, c.Destination.Port(), j.lab.Port, c.FourTuple)
		}
	}
	if gap := j.gap("client.packets", "router.packets", "server.packets"); gap != "" {
		return NotShown, gap
	}
	messages, replies := 0, 0
	for _, c := range j.opened {
		sent, answered := dataSegments(c)
		if c.Destination.Port() != j.lab.Port || c.AtServer().Destination.Port() != j.lab.Port {
			return NotShown, fmt.Sprintf("%s is on port %d, not %d, and carried no message", c.FourTuple, c.Destination.Port(), j.lab.Port)
		}
		if sent == 0 || answered == 0 {
			return NotShown, fmt.Sprintf("%s carried no message and reply", c.FourTuple)
		}
		messages, replies = messages+sent, replies+answered
	}
	reason := fmt.Sprintf("%s to port %d, %s from it",
		count(messages, "segment with data went", "segments with data went"), j.lab.Port, count(replies, "came", "came"))
	others := 0
	for _, c := range j.all {
		if c.Outcome == evidence.Opened && c.Server.Host != j.lab.Server {
			others++
		}
	}
	if others > 0 {
		reason += fmt.Sprintf("; %s to other servers not counted", count(others, "connection", "connections"))
	}
	return Holds, reason
}

// dataSegments counts the segments with data in either direction, in the
// client's capture; where its own is not whole, in the server's.
func dataSegments(c *evidence.Connection) (sent, answered int) {
	packets, source := c.Client.Packets, c.Source
	if c.Lacks["client.packets"] != "" {
		packets, source = c.Server.Packets, c.AtServer().Source
	}
	for i := range packets {
		switch p := &packets[i]; {
		case p.Length == 0:
		case p.Source == source:
			sent++
		default:
			answered++
		}
	}
	return sent, answered
}

// oneSocketEach matches four-tuples, inodes and open files, one to one to one.
// That a socket is open twice only the open files tell, and one witness refutes
// nothing.
func oneSocketEach(j *judge) (Outcome, string) {
	if gap := j.gap("server.packets", "server.sockets", "server.files", "router.packets"); gap != "" {
		return NotShown, gap
	}
	owner, tuples := make(map[uint64]evidence.FourTuple), make(map[evidence.FourTuple]bool)
	for _, c := range j.opened {
		at := c.AtServer()
		inodes := inodesOf(&c.Server)
		if len(inodes) != 1 {
			return NotShown, fmt.Sprintf("%s belongs to %s, inodes %d: the witnesses are at odds", at, count(len(inodes), "socket", "sockets"), inodes)
		}
		if other, ok := owner[inodes[0]]; ok {
			return NotShown, fmt.Sprintf("the socket with inode %d belongs to %s and to %s: the witnesses are at odds", inodes[0], other, at)
		}
		if tuples[at] {
			return NotShown, fmt.Sprintf("two connections, one after the other, have the four-tuple %s", at)
		}
		owner[inodes[0]], tuples[at] = at, true
		if twice := openTwice(&c.Server); twice != "" {
			return NotShown, fmt.Sprintf("the socket of %s is open more than once: %s; only server.files tells that", at, twice)
		}
	}
	return Holds, fmt.Sprintf("%s, as many sockets, as many open files", count(len(owner), "four-tuple", "four-tuples"))
}

func inodesOf(s *evidence.Side) []uint64 {
	var inodes []uint64
	for _, r := range s.Sockets {
		if r.Inode != 0 && !slices.Contains(inodes, r.Inode) {
			inodes = append(inodes, r.Inode)
		}
	}
	return inodes
}

// openTwice names the descriptors of a socket that has several at a time.
func openTwice(s *evidence.Side) string {
	at := make(map[int]string)
	for _, f := range s.Files {
		this := fmt.Sprintf("descriptor %d of process %d", f.FD, f.PID)
		if other := at[f.Snapshot]; other != "" {
			return other + ", " + this
		}
		at[f.Snapshot] = this
	}
	return ""
}

// witnessesAgree is never refuted: witnesses that do not agree, or do not
// speak, show nothing. It wants every witness of every connection of the run.
func witnessesAgree(j *judge) (Outcome, string) {
	if j.flaw != "" {
		return NotShown, j.flaw
	}
	if gap := lacking(j.all, evidence.ColumnNames); gap != "" {
		return NotShown, gap
	}
	least, most, n := len(evidence.ColumnNames), 0, 0
	for _, c := range j.all {
		if len(c.Conflicts) > 0 {
			return NotShown, c.Conflicts[0]
		}
		if c.Outcome == evidence.Opened {
			least, most, n = min(least, len(c.Lacks)), max(most, len(c.Lacks)), n+1
		}
	}
	witnesses := fmt.Sprintf("%d", most)
	if least < most {
		witnesses = fmt.Sprintf("%d to %d", least, most)
	}
	return Holds, fmt.Sprintf("%s witnesses on each of %s", witnesses, count(n, "connection", "connections"))
}
