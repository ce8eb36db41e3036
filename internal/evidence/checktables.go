package evidence

import (
	"fmt"
	"maps"
	"net/netip"
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
	// sockets, of each process that has them.
	table map[uint64]*Socket
	open  map[uint64][]*File
	// full are the ports at which more connections waited to be accepted than may,
	// in this dump or in one before: there a handshake may not be completed by the
	// client's acknowledgement.
	full map[uint16]bool
}

// dumpsOf are the host's dumps in their order. Reading the tables and writing
// them down takes longer in a large lab.
func (j *joiner) dumpsOf(h *Host) []dump {
	takes := 100*time.Millisecond + time.Duration(len(j.run.Hosts))*2*time.Millisecond
	byNumber := make(map[int]*dump)
	at := func(n int, t time.Time) *dump {
		if byNumber[n] == nil {
			byNumber[n] = &dump{number: n, at: t, table: make(map[uint64]*Socket), open: make(map[uint64][]*File)}
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
			d.open[f.Inode] = append(d.open[f.Inode], f)
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
	full := make(map[uint16]bool)
	for _, n := range slices.Sorted(maps.Keys(byNumber)) {
		d := *byNumber[n]
		for _, s := range d.sockets {
			if s.State == Listen && s.RecvQueue > s.SendQueue && !full[s.Local.Port()] {
				full = maps.Clone(full)
				full[s.Local.Port()] = true
			}
		}
		d.full = full
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
		other := make(map[FourTuple]bool) // files of a connection without their row
		for _, f := range d.files {
			tuple := endpoints(f.Local, f.Remote)
			if f.Protocol == "" || d.table[f.Inode] != nil {
				continue
			}
			other[tuple] = other[tuple] || tuple.IsValid()
			if d.still || last.table[f.Inode] != nil && next.table[f.Inode] != nil {
				j.tablesDiffer(h, d, nil, f, fmt.Sprintf("socket %d, %s, is an open file in dump %d and not in the table", f.Inode, tuple, d.number))
			}
		}
		for _, s := range d.sockets {
			if d.table[s.Inode] != s {
				continue
			}
			tuple := endpoints(s.Local, s.Remote)
			if len(d.open[s.Inode]) == 0 {
				if len(d.files)+len(next.files) == 0 && !d.idle { // the program was ending
					continue
				}
				if (d.still || last.table[s.Inode] != nil || other[tuple] || j.heldBefore(h, s, d)) && !h.unseen(s, d, last) {
					j.tablesDiffer(h, d, s, nil, fmt.Sprintf("socket %d, %s, is in dump %d of the table and among no open files", s.Inode, tuple, d.number))
				}
			}
			for _, f := range d.open[s.Inode] {
				if why := d.differ(s, f, last.table[s.Inode]); why != "" {
					j.tablesDiffer(h, d, s, f, why)
				}
			}
		}
	}
}

// differ says how a row and an open file of one socket differ, as they could not
// by the time between them. Sockets of UDP get and lose their ends as they
// like.
func (d *dump) differ(s *Socket, f *File, was *Socket) string {
	tuple, files := endpoints(s.Local, s.Remote), endpoints(f.Local, f.Remote)
	udp := strings.HasPrefix(s.Protocol, UDP) && strings.HasPrefix(f.Protocol, UDP)
	switch {
	case udp && !d.still && f.Protocol == s.Protocol && f.Local.Port() == s.Local.Port():
		return ""
	case f.Protocol != s.Protocol || files != tuple:
		return fmt.Sprintf("socket %d is %s %s in the table, %s %s among the open files", s.Inode, s.Protocol, tuple, f.Protocol, files)
	case f.State != s.State && (d.still || s.State == Listen || f.State == Listen || rank[f.State] > rank[s.State] || was != nil && rank[f.State] < rank[was.State]):
		return fmt.Sprintf("socket %d, %s, is in %s in the table, in %s among the open files", s.Inode, tuple, s.State, f.State)
	}
	return ""
}

// heldBefore tells whether a process certainly had the socket before the dump:
// it connected, or it sent something.
func (j *joiner) heldBefore(h *Host, s *Socket, d dump) bool {
	side := j.sideOf(h, s.Local, s.Remote, d.at, s.State, s.Inode)
	return side != nil && slices.ContainsFunc(side.Packets, func(p Packet) bool {
		return p.Source == side.Local && (opens(&p) || p.Length > 0) && p.Time.Before(d.after.Add(-tableSlack))
	})
}

// unseen tells whether a process may hold the socket whose open files are not
// looked at, or a call that was not done when it was closed: what a program
// leaves behind when it ends is not its agent's any more, and a socket in which a
// thread waits stays until the thread has its answer.
func (h *Host) unseen(s *Socket, d, last dump) bool {
	ended := false
	for _, p := range h.Processes {
		ended = ended || !p.Exited.IsZero() && !p.Exited.After(d.at.Add(tableSlack))
	}
	holders := last.open[s.Inode]
	if ended && !slices.ContainsFunc(holders, func(f *File) bool { return h.runs(f.Program, d.at) }) {
		return true
	}
	closed, waits := false, false
	for i := range h.Program {
		if e := &h.Program[i]; e.Event == EventCall && e.Local.Port() == s.Local.Port() && !e.Time.After(d.at.Add(tableSlack)) {
			closed, waits = closed || e.Call == "close", waits || e.Waiting
		}
	}
	return closed && waits
}

// runs tells whether a program had not ended by then.
func (h *Host) runs(program string, at time.Time) bool {
	return slices.ContainsFunc(h.Processes, func(p Process) bool {
		return p.Program == program && !p.Started.After(at) && (p.Exited.IsZero() || p.Exited.After(at.Add(tableSlack)))
	})
}

// sideOf is the side that a row with these columns is of.
func (j *joiner) sideOf(h *Host, local, remote netip.AddrPort, at time.Time, state string, inode uint64) *sideOf {
	t := endpoints(local, remote)
	return j.side(sideKey{h.Name, t.Source, t.Destination}, record{at: at, state: state, connected: state != SynSent, inode: inode})
}

// tablesDiffer blames both tables for what they say of a socket. One of the two
// rows may be missing.
func (j *joiner) tablesDiffer(h *Host, d dump, s *Socket, f *File, why string) {
	var sides [2]*sideOf
	row, file := 0, 0
	if s != nil {
		row = s.Line
		sides[0] = j.sideOf(h, s.Local, s.Remote, d.at, s.State, s.Inode)
	}
	if f != nil {
		file = f.Line
		sides[1] = j.sideOf(h, f.Local, f.Remote, d.at, f.State, f.Inode)
	}
	j.disagree(h, Sockets, row, d.number, "it contradicts the open files: %s", why)
	j.disagree(h, Files, file, d.number, "it contradicts the socket table: %s", why)
	for i, of := range sides {
		if of != nil && (i == 0 || of != sides[0]) {
			of.c.contradict(of.column(Sockets), why, of.column(Files), of.column(Sockets))
		}
	}
}

// disagree notes a record that cannot be beside another one; of line 0 one that
// is missing in a dump.
func (j *joiner) disagree(h *Host, w Witness, line, snapshot int, format string, args ...any) {
	if line != 0 {
		snapshot = 0
	}
	j.run.Contradictions = append(j.run.Contradictions, Contradiction{
		Host: h.Name, Witness: w, Line: line, Snapshot: snapshot, Why: printable(fmt.Sprintf(format, args...)),
	})
}
