package evidence

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tableSlack is how far times of captures and of tables may be apart.
const tableSlack = 5 * time.Millisecond

// A dump is one look at a host's tables. It was taken between after and at.
type dump struct {
	number    int
	at, after time.Time
	// named and idle are the agent's words on a snapshot; still says that the
	// tables did not change while they were read.
	named, idle, still bool
	sockets            []*Socket
	files              []*File
	// By inode: the sockets that a process may hold, and the open files of
	// sockets.
	table map[uint64]*Socket
	open  map[uint64]*File
}

// dumpsOf are the host's dumps in their order. Reading the tables and writing
// them down takes longer in a large lab.
func (j *joiner) dumpsOf(h *Host) []dump {
	takes := 100*time.Millisecond + time.Duration(len(j.run.Hosts))*2*time.Millisecond
	byNumber := make(map[int]*dump)
	at := func(n int, t time.Time) *dump {
		if byNumber[n] == nil {
			byNumber[n] = &dump{number: n, at: t, table: make(map[uint64]*Socket), open: make(map[uint64]*File)}
		}
		return byNumber[n]
	}
	for i := range h.Sockets {
		s := &h.Sockets[i]
		d := at(s.Snapshot, s.Time)
		d.sockets = append(d.sockets, s)
		if s.Inode != 0 && (s.State != Closed || strings.HasPrefix(s.Protocol, "udp")) && !h.existed[s.Inode] {
			d.table[s.Inode] = s
		}
	}
	for i := range h.Files {
		f := &h.Files[i]
		d := at(f.Snapshot, f.Time)
		d.files = append(d.files, f)
		if f.Protocol != "" {
			d.open[f.Inode] = f
		}
	}
	asked := time.Time{} // what the agent did last before a snapshot
	for _, e := range h.Events {
		if e.Snapshot > 0 {
			d := at(e.Snapshot, e.Time)
			d.named, d.idle, d.after = true, e.Idle, asked
		}
		asked = e.Time
	}
	var dumps []dump
	for _, n := range slices.Sorted(maps.Keys(byNumber)) {
		d := *byNumber[n]
		d.still = d.idle || len(d.sockets) > 0 && !slices.ContainsFunc(d.sockets, func(s *Socket) bool { return s.Moving })
		d.after = later(d.after, d.at.Add(-takes))
		if len(dumps) > 0 {
			d.after = later(d.after, dumps[len(dumps)-1].at)
		}
		dumps = append(dumps, d)
	}
	return dumps
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// compareTables compares the socket table with the open files, dump by dump. A
// socket may be in the one and not yet, or no longer, in the other where it
// came or went in between; not in a snapshot in which nothing moved.
func (j *joiner) compareTables(h *Host) {
	if h.Defect(Sockets) != "" || h.Defect(Files) != "" {
		return
	}
	dumps := h.dumps
	for i, d := range dumps {
		var last, next dump
		if i > 0 {
			last = dumps[i-1]
		}
		if i+1 < len(dumps) {
			next = dumps[i+1]
		}
		other := make(map[FourTuple]bool) // files without their row
		for _, f := range d.files {
			tuple := endpoints(f.Local, f.Remote)
			if d.open[f.Inode] != f || d.table[f.Inode] != nil {
				continue
			}
			other[tuple] = true
			if d.still || last.table[f.Inode] != nil && next.table[f.Inode] != nil {
				j.tablesDiffer(h, tuple, f.Time, fmt.Sprintf("socket %d, %s, is an open file in dump %d and not in the table", f.Inode, tuple, d.number))
			}
		}
		for _, s := range d.sockets {
			if d.table[s.Inode] != s {
				continue
			}
			f, tuple, was := d.open[s.Inode], endpoints(s.Local, s.Remote), last.table[s.Inode]
			switch {
			case f == nil && len(d.files) == 0 && len(next.files) == 0 && !d.idle: // the program was ending
			case f == nil && (d.still || was != nil || other[tuple] || j.heldBefore(h, tuple, d)):
				j.tablesDiffer(h, tuple, s.Time, fmt.Sprintf("socket %d, %s, is in dump %d of the table and among no open files", s.Inode, tuple, d.number))
			case f == nil:
			case f.Protocol != s.Protocol || endpoints(f.Local, f.Remote) != tuple:
				why := fmt.Sprintf("socket %d is %s %s in the table, %s %s among the open files", s.Inode, s.Protocol, tuple, f.Protocol, endpoints(f.Local, f.Remote))
				j.tablesDiffer(h, tuple, s.Time, why)
				j.tablesDiffer(h, endpoints(f.Local, f.Remote), s.Time, why)
			case f.State != s.State && (d.still || s.State == Listen || f.State == Listen || rank[f.State] > rank[s.State] || was != nil && rank[f.State] < rank[was.State]):
				j.tablesDiffer(h, tuple, s.Time, fmt.Sprintf("socket %d, %s, is in %s in the table, in %s among the open files", s.Inode, tuple, s.State, f.State))
			}
		}
	}
}

// heldBefore tells whether a process certainly had the socket before the dump:
// it connected, or it sent something.
func (j *joiner) heldBefore(h *Host, tuple FourTuple, d dump) bool {
	side := j.side(sideKey{h.Name, tuple.Source, tuple.Destination}, d.at, true)
	if side == nil {
		return false
	}
	return slices.ContainsFunc(side.Packets, func(p Packet) bool {
		return p.Source == side.Local && (opens(&p) || p.Length > 0) && p.Time.Before(d.after.Add(-tableSlack))
	})
}

// tablesDiffer blames both tables for what they say of a socket: of the
// connection's, or where it is of none, of the host's.
func (j *joiner) tablesDiffer(h *Host, tuple FourTuple, at time.Time, why string) {
	k := sideKey{h.Name, tuple.Source, tuple.Destination}
	if of := j.side(k, at, true); of != nil {
		of.c.contradict(of.column(Sockets), why, of.column(Files), of.column(Sockets))
		return
	}
	h.defect(Sockets, "it contradicts the open files: %s", why)
	h.defect(Files, "it contradicts the socket table: %s", why)
}
