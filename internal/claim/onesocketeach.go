package claim

import (
	"fmt"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func oneSocketEachText(*topology.Lab) string {
	return "all four-tuples differ, and each belongs to exactly one socket and one open file of the server"
}

// oneSocketEach matches four-tuples, inodes and open files, one to one to one.
func oneSocketEach(c *cases) (Outcome, string) {
	if why := c.sharedFile(); why != "" {
		return Refuted, why
	}
	if gap := c.gap("server.packets", "server.sockets", "server.files"); gap != "" {
		return NotShown, gap
	}
	tuples := make(map[evidence.FourTuple]bool)
	owner := make(map[uint64]evidence.FourTuple)
	for i := range c.connections {
		cc := &c.connections[i]
		at := cc.AtServer()
		if tuples[at] {
			return NotShown, fmt.Sprintf("two connections have the four-tuple %s: the witnesses are at odds", at)
		}
		tuples[at] = true
		if n := openings(cc); n != 1 {
			return NotShown, fmt.Sprintf("%s was opened %d times", at, n)
		}
		held := inodes(&cc.Server)
		if len(held) != 1 {
			return NotShown, fmt.Sprintf("%s belongs to %s, inodes %d: the witnesses are at odds", at, count(len(held), "socket", "sockets"), held)
		}
		if other, ok := owner[held[0]]; ok {
			return NotShown, fmt.Sprintf("the socket with inode %d belongs to %s and to %s: the witnesses are at odds", held[0], other, at)
		}
		owner[held[0]] = at
	}
	return Holds, fmt.Sprintf("%s, as many sockets, as many open files", count(len(tuples), "four-tuple", "four-tuples"))
}

// openings counts the SYNs with different numbers that the server's capture
// has: a four-tuple may be used again.
func openings(cc *connectionCase) int {
	numbers := make(map[uint32]bool)
	for _, p := range cc.Server.Packets {
		if p.Source == cc.Server.Remote && p.Flags.Has(evidence.SYN) {
			numbers[p.Seq] = true
		}
	}
	return len(numbers)
}

// sharedFile finds a socket of the server, known to the socket table too, that
// is open more than once at a time: two descriptors, or two processes.
func (c *cases) sharedFile() string {
	type key struct {
		snapshot int
		inode    uint64
	}
	for i := range c.connections {
		cc := &c.connections[i]
		if cc.Server.Host != c.lab.Server || cc.lacks["server.files"] != "" || cc.lacks["server.sockets"] != "" {
			continue
		}
		open := make(map[key][]string)
		for _, f := range cc.Server.Files {
			k := key{f.Snapshot, f.Inode}
			open[k] = append(open[k], fmt.Sprintf("%d/%s", f.PID, f.FD))
			if len(open[k]) > 1 {
				return fmt.Sprintf("the socket of %s is open more than once: %s", cc.AtServer(), open[k])
			}
		}
	}
	return ""
}
