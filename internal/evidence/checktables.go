package evidence

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
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
}

// dumpsOf are the host's dumps in their order. Reading the tables and writing
// them down takes at most the given time.
func dumpsOf(h *Host, takes time.Duration) []dump {
	byNumber := make(map[int]*dump)
	at := func(n int, t time.Time) *dump {
		if byNumber[n] == nil {
			byNumber[n] = &dump{number: n, at: t}
		}
		return byNumber[n]
	}
	for i := range h.Sockets {
		d := at(h.Sockets[i].Snapshot, h.Sockets[i].Time)
		d.sockets = append(d.sockets, &h.Sockets[i])
	}
	for i := range h.Files {
		d := at(h.Files[i].Snapshot, h.Files[i].Time)
		d.files = append(d.files, &h.Files[i])
	}
	for _, e := range h.Events {
		if e.Snapshot > 0 {
			d := at(e.Snapshot, e.Time)
			d.named, d.idle = true, e.Idle
		}
	}
	var dumps []dump
	for _, n := range slices.Sorted(maps.Keys(byNumber)) {
		d := *byNumber[n]
		d.still = d.idle || len(d.sockets) > 0 && !slices.ContainsFunc(d.sockets, func(s *Socket) bool { return s.Moving })
		d.after = d.at.Add(-takes)
		if len(dumps) > 0 {
			if last := dumps[len(dumps)-1].at; last.After(d.after) {
				d.after = last
			}
		}
		dumps = append(dumps, d)
	}
	return dumps
}

// checkHost compares what a host's witnesses say that is not of one connection.
func (ck *checker) checkHost(h *Host) {
	takes := 100*time.Millisecond + time.Duration(len(ck.run.Hosts))*2*time.Millisecond
	ck.dumps[h.Name] = dumpsOf(h, takes)
	ck.checkSnapshots(h)
	ck.checkSocketRows(h)
	ck.checkFileRows(h)
	ck.checkTold(h)
}

// checkSnapshots wants the agent's account to number the dumps as the tables
// do: the one that it tells of is the last that was written down until then.
func (ck *checker) checkSnapshots(h *Host) {
	host, number := ck.hosts[h.Name], 0
	polled := host == nil || len(host.Program)+len(host.Masquerade) > 0
	for _, e := range h.Events {
		if e.Snapshot != 0 {
			number++
		}
		if e.Snapshot != 0 && e.Snapshot != number && (e.Event == HostLive || !polled) {
			h.defect(Agent, "%s:%d: %q with dump %d", FileName(h.Name, Agent), e.Line, e.Event, e.Snapshot)
		}
		for _, d := range ck.dumps[h.Name] {
			if e.Snapshot != 0 && len(d.sockets)+len(d.files) > 0 && (d.number <= e.Snapshot) == d.at.After(e.Time) {
				h.defect(Agent, "%s:%d: %q has the number %d, and dump %d is not of that time", FileName(h.Name, Agent), e.Line, e.Event, e.Snapshot, d.number)
			}
		}
	}
}

// started is the process that the host's agent started; 0 if it started none.
func (ck *checker) started(h *Host) (pid int) {
	for _, e := range h.Events {
		if e.Event == HostStarted {
			pid = e.PID
		}
	}
	return pid
}

// rank orders the states that a socket goes through (RFC 9293, section 3.3.2).
var rank = map[string]int{
	SynSent: 1, SynReceived: 1, Established: 2, FinWait1: 3, CloseWait: 3,
	FinWait2: 4, Closing: 4, LastAck: 4, TimeWait: 5, Closed: 6,
}

// checkSocketRows wants a socket to be one thing at a time, and to stay what it
// is.
func (ck *checker) checkSocketRows(h *Host) {
	lives := make(map[uint64]*Socket)
	for _, d := range ck.dumps[h.Name] {
		held := make(map[uint64]bool)
		for _, s := range d.sockets {
			switch {
			case s.Inode != 0 && held[s.Inode]:
				h.defect(Sockets, "line %d: the socket with inode %d stands twice in dump %d", s.Line, s.Inode, d.number)
			case s.State == TimeWait && s.Inode != 0:
				h.defect(Sockets, "line %d: a socket in %s with the inode %d", s.Line, s.State, s.Inode)
			case s.State == Closed && s.Remote.Port() != 0 && strings.HasPrefix(s.Protocol, "tcp"):
				h.defect(Sockets, "line %d: a closed socket with the remote endpoint %s", s.Line, s.Remote)
			case s.State == Listen && (s.RecvQueue > s.SendQueue+1 || d.idle && int(s.RecvQueue) != waiting(d, s)):
				h.defect(Sockets, "line %d: %d connections wait to be accepted, by the dump's other rows %d", s.Line, s.RecvQueue, waiting(d, s))
			case !s.Time.Equal(d.sockets[0].Time):
				h.defect(Sockets, "line %d: dump %d has several times", s.Line, d.number)
			}
			held[s.Inode] = true
			if s.Inode == 0 || s.State == SynSent || !strings.HasPrefix(s.Protocol, "tcp") {
				continue
			}
			before := lives[s.Inode]
			if before == nil {
				lives[s.Inode] = s
				continue
			}
			if s.State == Listen && before.SendQueue != s.SendQueue || before.Protocol != s.Protocol || endpoints(before.Local, before.Remote) != endpoints(s.Local, s.Remote) ||
				before.UID != s.UID || before.Interface != s.Interface || (before.State == Listen) != (s.State == Listen) {
				h.defect(Sockets, "line %d: the socket with inode %d is not what it was in line %d", s.Line, s.Inode, before.Line)
			}
		}
	}
	ck.checkPolls(h)
}

// waiting counts the connections of a dump that wait to be accepted on a
// listening socket.
func waiting(d dump, listener *Socket) (n int) {
	for _, s := range d.sockets {
		if s.Inode == 0 && (s.State == Established || s.State == CloseWait) && s.Local.Port() == listener.Local.Port() {
			n++
		}
	}
	return n
}

// checkPolls wants every dump that no step asked for to differ from the one
// before: only changes are written down.
func (ck *checker) checkPolls(h *Host) {
	dumps := ck.dumps[h.Name]
	for i := 1; i < len(dumps); i++ {
		a, b := dumps[i-1], dumps[i]
		if b.named || a.named && a.number > 1 || len(h.Translations) > 0 {
			continue
		}
		if slices.EqualFunc(a.sockets, b.sockets, func(x, y *Socket) bool {
			p, q := *x, *y
			p.Header, p.Snapshot, q.Header, q.Snapshot = Header{}, 0, Header{}, 0
			return p == q
		}) {
			h.defect(Sockets, "dump %d is the same as dump %d, and only changes are written down", b.number, a.number)
		}
	}
}

// checkUsers wants all programs of a run to be the same user's: agents start
// them so.
func (ck *checker) checkUsers() {
	counts := make(map[uint32]int)
	each := func(f func(*Host, *Socket)) {
		for _, name := range ck.run.Names() {
			h := ck.run.Hosts[name]
			for i := range h.Sockets {
				if s := &h.Sockets[i]; s.State != Closed && !ck.existed[h][s.Inode] && (s.Inode != 0 || s.UID != 0) {
					f(h, s)
				}
			}
		}
	}
	each(func(_ *Host, s *Socket) { counts[s.UID]++ })
	if len(counts) < 2 {
		return
	}
	most := slices.MaxFunc(slices.Sorted(maps.Keys(counts)), func(a, b uint32) int { return cmp.Compare(counts[a], counts[b]) })
	each(func(h *Host, s *Socket) {
		if s.UID != most {
			h.defect(Sockets, "line %d: a socket of user %d, where the run's programs are user %d's", s.Line, s.UID, most)
		}
	})
}

// checkFileRows wants rows as /proc gives them, of the program and what it
// started.
func (ck *checker) checkFileRows(h *Host) {
	started, ended := ck.started(h), time.Time{}
	for _, e := range h.Events {
		if e.Event == HostExited {
			ended = e.Time
		}
	}
	for _, d := range ck.dumps[h.Name] {
		processes := make(map[int][]*File)
		for _, f := range d.files {
			of := processes[f.PID]
			switch {
			case len(of) > 0 && (of[0].Command != f.Command || of[0].User != f.User):
				h.defect(Files, "line %d: process %d is %q of %q, and %q of %q", f.Line, f.PID, f.Command, f.User, of[0].Command, of[0].User)
			case f.Protocol != "" && (f.Access != "u" || f.Type != "IPv4" && f.Type != "IPv6" || (f.Type == "IPv6") != strings.HasSuffix(f.Protocol, "6")):
				h.defect(Files, "line %d: a socket of %s that is %s, open for %q", f.Line, f.Protocol, f.Type, f.Access)
			case f.State == Closed && f.Remote.Port() != 0 && strings.HasPrefix(f.Protocol, "tcp"):
				h.defect(Files, "line %d: a closed socket with the remote endpoint %s", f.Line, f.Remote)
			case !f.Time.Equal(d.files[0].Time):
				h.defect(Files, "line %d: dump %d has several times", f.Line, d.number)
			}
			processes[f.PID] = append(of, f)
		}
		for _, pid := range slices.Sorted(maps.Keys(processes)) {
			if pid != started && len(processes[pid]) == 1 {
				h.defect(Files, "dump %d: process %d has a single descriptor, and is not the program, which is %d", d.number, pid, started)
			}
		}
		if len(d.files) > 0 && processes[started] == nil && (ended.IsZero() || d.at.Before(ended)) {
			h.defect(Files, "dump %d: no descriptor of the program, process %d", d.number, started)
		}
	}
	ck.checkDescriptors(h)
}

// checkDescriptors wants a process to keep a socket under its descriptor.
func (ck *checker) checkDescriptors(h *Host) {
	type holder struct {
		pid   int
		inode uint64
	}
	fds := make(map[holder]map[int]bool)
	for _, d := range ck.dumps[h.Name] {
		now := make(map[holder]map[int]bool)
		for _, f := range d.files {
			if f.Inode != 0 {
				k := holder{f.PID, f.Inode}
				if now[k] == nil {
					now[k] = make(map[int]bool)
				}
				now[k][f.FD] = true
			}
		}
		for _, f := range d.files {
			k := holder{f.PID, f.Inode}
			if before := fds[k]; f.Inode != 0 && before != nil && !maps.Equal(before, now[k]) && len(before) <= len(now[k]) && !before[f.FD] && len(now[k]) == 1 {
				h.defect(Files, "line %d: process %d has socket %d at descriptor %d, and had it at another", f.Line, f.PID, f.Inode, f.FD)
			}
		}
		maps.Copy(fds, now)
	}
}

// checkTold compares what a program tells that is not of one connection with
// the tables, with its agent and with itself.
func (ck *checker) checkTold(h *Host) {
	told, count := make(map[string]bool), make(map[string]int)
	var served []int
	stopped := 0
	for _, e := range h.Program {
		count[e.Event]++
		switch e.Event {
		case EventListening:
			if !e.Local.IsValid() {
				continue // it only says that it is ready
			}
			if told[listenName(e.Local)] {
				h.defect(Program, "line %d: it says a second time that it listens on %s", e.Line, e.Local)
			}
			told[listenName(e.Local)] = true
		case EventClosed:
			if e.Served > 0 {
				served = append(served, e.Served)
			}
		case EventStopped:
			stopped = e.Served
			if !told[listenName(e.Local)] {
				h.defect(Program, "line %d: it says that it stopped to listen on %s, and not that it did", e.Line, e.Local)
			}
		}
		if (e.Event == EventHolding || e.Event == EventClosed) && !endpoints(e.Local, e.Remote).IsValid() {
			h.defect(Program, "line %d: %q of no connection", e.Line, e.Event)
		}
	}
	slices.Sort(served)
	for i, n := range served {
		if n != i+1 {
			h.defect(Program, "of the connections that it served, number %d is missing or there twice", i+1)
		}
	}
	if len(served) > 0 && ck.ended(h) && (stopped != len(served) || count[EventStopped] != len(told)) {
		h.defect(Program, "it served %d connections, and says so of %d when it stopped", len(served), stopped)
	}
	host := ck.hosts[h.Name]
	if host != nil && host.Ready.When == topology.ReadyEvent && count[EventListening]+count[EventHolding] == 0 &&
		slices.ContainsFunc(h.Events, func(e HostEvent) bool { return e.Event == HostReady }) &&
		!slices.ContainsFunc(h.Events, func(e HostEvent) bool { return e.Event == HostExited && e.Time.Before(lastSnapshot(h)) }) {
		h.defect(Program, "its agent says that it told that it was ready, and it tells nothing of the kind")
	}
	listens := make(map[string]bool)
	for _, s := range h.Sockets {
		if s.State == Listen && !ck.existed[h][s.Inode] {
			listens[listenName(s.Local)] = true
		}
	}
	if h.Defect(Sockets) == "" && (len(told) > 0 || count[EventAccepted] > 0) && !maps.Equal(told, listens) {
		h.defect(Program, "it contradicts the socket table: it says that it listens on %q, the table has %q", slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(listens)))
	}
}

// ended tells whether the host's program ended by itself, without an error.
func (ck *checker) ended(h *Host) bool {
	return slices.ContainsFunc(h.Events, func(e HostEvent) bool {
		return e.Event == HostExited && e.Status != nil && *e.Status == 0
	})
}

func lastSnapshot(h *Host) (t time.Time) {
	for _, e := range h.Events {
		if e.Event == HostSnapshot {
			t = e.Time
		}
	}
	return t
}

// listenName is an endpoint to listen on; any address is any address.
func listenName(e netip.AddrPort) string {
	if e.Addr().IsUnspecified() {
		return fmt.Sprintf("*:%d", e.Port())
	}
	return Unmap(e).String()
}

// compareTables compares the socket table with the open files, dump by dump. A
// socket may be in the one and not yet, or no longer, in the other where it
// came or went in between; not in a snapshot in which nothing moved.
func (ck *checker) compareTables(h *Host) {
	if h.Defect(Sockets) != "" || h.Defect(Files) != "" {
		return
	}
	dumps := ck.dumps[h.Name]
	sockets, files := make([]map[uint64]*Socket, len(dumps)), make([]map[uint64]*File, len(dumps))
	for i, d := range dumps {
		sockets[i], files[i] = make(map[uint64]*Socket), make(map[uint64]*File)
		for _, s := range d.sockets {
			if s.Inode != 0 && s.State != Closed && strings.HasPrefix(s.Protocol, "tcp") && !ck.existed[h][s.Inode] {
				sockets[i][s.Inode] = s
			}
		}
		for _, f := range d.files {
			if strings.HasPrefix(f.Protocol, "tcp") {
				files[i][f.Inode] = f
			}
		}
	}
	for i, d := range dumps {
		other := make(map[FourTuple]bool) // files without their row
		for _, f := range d.files {
			if files[i][f.Inode] == f && sockets[i][f.Inode] == nil {
				other[endpoints(f.Local, f.Remote)] = true
			}
		}
		for _, s := range d.sockets {
			if sockets[i][s.Inode] != s {
				continue
			}
			f, tuple := files[i][s.Inode], endpoints(s.Local, s.Remote)
			switch {
			case f == nil && len(d.files) == 0 && !d.idle: // the program was ending
			case f == nil && (d.still || i > 0 && sockets[i-1][s.Inode] != nil || other[tuple] || ck.heldBefore(h, tuple, d)):
				ck.tablesDiffer(h, tuple, s.Time, fmt.Sprintf("socket %d, %s, is in dump %d of the table and among no open files", s.Inode, tuple, d.number))
			case f == nil:
			case f.Protocol != s.Protocol || endpoints(f.Local, f.Remote) != tuple:
				why := fmt.Sprintf("socket %d is %s %s in the table, %s %s among the open files", s.Inode, s.Protocol, tuple, f.Protocol, endpoints(f.Local, f.Remote))
				ck.tablesDiffer(h, tuple, s.Time, why)
				ck.tablesDiffer(h, endpoints(f.Local, f.Remote), s.Time, why)
			case f.State != s.State && (d.still || s.State == Listen || f.State == Listen || rank[f.State] > rank[s.State] || i > 0 && sockets[i-1][s.Inode] != nil && rank[f.State] < rank[sockets[i-1][s.Inode].State]):
				ck.tablesDiffer(h, tuple, s.Time, fmt.Sprintf("socket %d, %s, is in %s in the table, in %s among the open files", s.Inode, tuple, s.State, f.State))
			}
		}
		for _, f := range d.files {
			tuple := endpoints(f.Local, f.Remote)
			if files[i][f.Inode] == f && sockets[i][f.Inode] == nil && (d.still || stays(sockets, i, f.Inode)) {
				ck.tablesDiffer(h, tuple, f.Time, fmt.Sprintf("socket %d, %s, is an open file in dump %d and not in the table", f.Inode, tuple, d.number))
			}
		}
	}
}

// heldBefore tells whether a process certainly had the socket before the dump:
// it connected, or it sent something.
func (ck *checker) heldBefore(h *Host, tuple FourTuple, d dump) bool {
	side := ck.side(sideKey{h.Name, tuple.Source, tuple.Destination}, d.at, true)
	if side == nil {
		return false
	}
	return slices.ContainsFunc(side.Packets, func(p Packet) bool {
		return p.Source == side.Local && (opens(&p) || p.Length > 0) && p.Time.Before(d.after.Add(-tableSlack))
	})
}

// stays tells whether a table has a socket both before and after dump i.
func stays[R any](table []map[uint64]*R, i int, inode uint64) bool {
	return i > 0 && table[i-1][inode] != nil && i+1 < len(table) && table[i+1][inode] != nil
}

// tablesDiffer blames both tables for what they say of a socket: of the
// connection's, or where it is of none, of the host's.
func (ck *checker) tablesDiffer(h *Host, tuple FourTuple, at time.Time, why string) {
	k := sideKey{h.Name, tuple.Source, tuple.Destination}
	if side := ck.side(k, at, true); side != nil {
		for _, of := range ck.sides[k] {
			if of.side == side {
				e := end{of.connection, side, "client"}
				if side == &of.connection.Server {
					e.role = "server"
				}
				e.c.contradict(e.column(Sockets), why, e.column(Files), e.column(Sockets))
			}
		}
		return
	}
	h.defect(Sockets, "it contradicts the open files: %s", why)
	h.defect(Files, "it contradicts the socket table: %s", why)
}

// checkRows compares the rows of one end with its capture and with each other.
func (ck *checker) checkRows(h *Host, e end) {
	table, files, capture := e.column(Sockets), e.column(Files), e.column(Packets)
	var last *Socket
	inode := uint64(0)
	for i := range e.Sockets {
		s := &e.Sockets[i]
		switch {
		case !strings.HasPrefix(s.Protocol, "tcp"):
			e.c.contradict(capture, "a socket of "+s.Protocol, table)
		case last != nil && (rank[s.State] < rank[last.State] || s.Protocol != last.Protocol):
			e.c.contradict("itself", fmt.Sprintf("line %d: %s %s after %s %s", s.Line, s.Protocol, s.State, last.Protocol, last.State), table)
		case s.Inode != 0 && inode != 0 && s.Inode != inode:
			e.c.contradict("itself", fmt.Sprintf("line %d: inode %d after %d", s.Line, s.Inode, inode), table)
		case s.Inode == 0 && s.State == Established && (inode != 0 || e.role == "client"):
			e.c.contradict("itself", fmt.Sprintf("line %d: an open connection that no process holds any more", s.Line), table)
		}
		if s.Inode != 0 {
			inode = s.Inode
		}
		last = s
	}
	if h.Defect(Sockets) == "" && e.c.whole(capture) {
		if why := ck.statesBy(h, e); why != "" {
			e.c.contradict(capture, why, table)
		}
	}
	x := e.exchange()
	for i := range e.Files {
		f := &e.Files[i]
		d, _ := ck.dump(h, f.Snapshot)
		why := ""
		if !strings.HasPrefix(f.Protocol, "tcp") {
			why = "a socket of " + f.Protocol
		} else if e.c.whole(capture) {
			why = x.state(f.State, d)
			if f.State == SynReceived && before(x.completed, d.after) {
				why = "a process holds it in " + f.State
			}
		}
		if why != "" && e.c.whole(files) {
			e.c.contradict(capture, fmt.Sprintf("line %d: %s", f.Line, why), files)
		}
		if inode != f.Inode && e.c.whole(table, files) {
			e.c.contradict(table, fmt.Sprintf("line %d: inode %d, and %d in the socket table", f.Line, f.Inode, inode), files, table)
		}
	}
}

// dump is the host's dump of that number.
func (ck *checker) dump(h *Host, number int) (dump, bool) {
	i, ok := slices.BinarySearchFunc(ck.dumps[h.Name], number, func(d dump, n int) int { return cmp.Compare(d.number, n) })
	if !ok {
		return dump{}, false
	}
	return ck.dumps[h.Name][i], true
}

// An exchange is when an end's capture says that the connection began and
// ended; a zero time is never.
type exchange struct{ syn, completed, sent, sentFIN, receivedFIN, ended time.Time }

func (e end) exchange() exchange {
	var x exchange
	first := func(t *time.Time, p *Packet) {
		if t.IsZero() {
			*t = p.Time
		}
	}
	answered := false
	for i := range e.Packets {
		p := &e.Packets[i]
		switch {
		case opens(p):
			first(&x.syn, p)
			continue
		case p.Flags.Has(SYN):
			answered = true
			if e.role == "client" {
				first(&x.completed, p)
			}
		case answered && e.role == "server" && p.Source == e.Remote && p.Flags.Has(ACK):
			first(&x.completed, p)
		}
		if p.Length > 0 && p.Source == e.Local {
			first(&x.sent, p)
		}
		if p.Flags.Has(FIN) && p.Source == e.Local {
			first(&x.sentFIN, p)
		}
		if p.Flags.Has(FIN) && p.Source == e.Remote {
			first(&x.receivedFIN, p)
		}
		if p.Flags&(FIN|RST) != 0 {
			first(&x.ended, p)
		}
	}
	return x
}

func before(t, than time.Time) bool { return !t.IsZero() && t.Before(than.Add(-tableSlack)) }

func never(t, by time.Time) bool { return t.IsZero() || t.After(by.Add(tableSlack)) }

// state says why the packets leave the socket in another state at a dump; empty
// if they may leave it in this one.
func (x exchange) state(state string, d dump) string {
	open := never(x.ended, d.at)
	switch {
	case before(x.completed, d.after) && (state == SynSent || state == SynReceived && d.idle):
		return state + ", although the handshake was complete"
	case never(x.completed, d.at) && rank[state] >= 2:
		return state + " before the handshake was complete"
	case open && (rank[state] > 3 || state == CloseWait || state == FinWait1 && d.idle),
		open && d.idle && state != Established && before(x.completed, d.after):
		return state + ", although nobody had ended the connection"
	case state == TimeWait && (never(x.sentFIN, d.at) || never(x.receivedFIN, d.at)),
		(state == FinWait2 || state == LastAck || state == Closing) && never(x.sentFIN, d.at),
		(state == CloseWait || state == LastAck || state == Closing) && never(x.receivedFIN, d.at):
		return state + " without the FIN that leads there"
	case (state == CloseWait || state == LastAck) && !x.sentFIN.IsZero() && x.sentFIN.Before(x.receivedFIN):
		return state + ", although it was the first to end the connection"
	case rank[state] <= 2 && (before(x.sentFIN, d.after) || before(x.receivedFIN, d.after)):
		return state + " after a FIN"
	}
	return ""
}

// statesBy compares the socket table with the capture: a socket is there as
// long as the connection is open, and in the state that the packets leave it
// in.
func (ck *checker) statesBy(h *Host, e end) string {
	x := e.exchange()
	rows := make(map[int]*Socket)
	for i := range e.Sockets {
		rows[e.Sockets[i].Snapshot] = &e.Sockets[i]
	}
	dumps := ck.dumps[h.Name]
	from, _ := slices.BinarySearchFunc(dumps, x.syn, func(d dump, t time.Time) int { return d.at.Compare(t) })
	for _, d := range dumps[from:] {
		s := rows[d.number]
		delete(rows, d.number)
		open := never(x.ended, d.at)
		if s == nil && open && before(x.syn, d.after) {
			return fmt.Sprintf("dump %d has no row of it, although it was open", d.number)
		}
		if s == nil && !open && len(rows) == 0 {
			break
		}
		if s == nil {
			continue
		}
		if why := x.state(s.State, d); why != "" {
			return fmt.Sprintf("line %d: %s", s.Line, why)
		}
		switch {
		case s.State == SynReceived && s.Inode != 0, s.State == Established && s.Inode == 0 && before(x.sent, d.after):
			return fmt.Sprintf("line %d: %s with the inode %d", s.Line, s.State, s.Inode)
		case d.idle && s.RecvQueue+s.SendQueue > 0:
			return fmt.Sprintf("line %d: bytes in a queue, in a snapshot in which all were empty", s.Line)
		case int(s.RecvQueue) > len(e.Received.Data)+1 || int(s.SendQueue) > len(e.Sent.Data)+2:
			return fmt.Sprintf("line %d: more bytes in a queue than were sent", s.Line)
		}
	}
	return ""
}
