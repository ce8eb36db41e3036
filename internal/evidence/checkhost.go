package evidence

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// checkHost compares what a host's witnesses say that is not of one connection.
func (j *joiner) checkHost(h *Host) {
	h.dumps = j.dumpsOf(h)
	for _, e := range h.Program {
		h.tells = h.tells || e.Event != EventLine
		h.tellsData = h.tellsData || e.Event == EventSent || e.Event == EventReceived
	}
	j.checkSnapshots(h)
	j.checkSocketRows(h)
	j.checkFileRows(h)
	j.checkTold(h)
}

// checkSnapshots wants the agent's account to number the dumps as the tables
// do: the one that it tells of is the last that was written down until then.
func (j *joiner) checkSnapshots(h *Host) {
	host, number := j.hosts[h.Name], 0
	polled := host == nil || len(host.Program)+len(host.Masquerade) > 0
	for _, e := range h.Events {
		if e.Snapshot != 0 {
			number++
		}
		if e.Snapshot != 0 && e.Snapshot != number && (e.Event == HostLive || !polled) {
			h.defect(Agent, "%s:%d: %q with dump %d", FileName(h.Name, Agent), e.Line, e.Event, e.Snapshot)
		}
		for _, d := range h.dumps {
			if e.Snapshot != 0 && len(d.sockets)+len(d.files) > 0 && (d.number <= e.Snapshot) == d.at.After(e.Time) {
				h.defect(Agent, "%s:%d: %q has the number %d, and dump %d is not of that time", FileName(h.Name, Agent), e.Line, e.Event, e.Snapshot, d.number)
			}
		}
	}
}

// checkSocketRows wants a socket to be one thing at a time, and to stay what it
// is. Those that were there before the program, a container engine's, stay.
func (j *joiner) checkSocketRows(h *Host) {
	first := make(map[uint64]*Socket)
	listening := 0
	for _, d := range h.dumps {
		existing := 0
		for _, s := range d.sockets {
			if s.State == Listen && (s.RecvQueue > s.SendQueue+1 || d.idle && int(s.RecvQueue) != waiting(d, s)) {
				h.defect(Sockets, "line %d: %d connections wait to be accepted, by the dump's other rows %d", s.Line, s.RecvQueue, waiting(d, s))
			}
			if h.existed[s.Inode] && s.State == Listen {
				existing++
			}
			if s.Inode == 0 || s.State == SynSent || !h.existed[s.Inode] && !strings.HasPrefix(s.Protocol, "tcp") {
				continue
			}
			if first[s.Inode] == nil {
				first[s.Inode] = s
			}
			was := first[s.Inode]
			if s.State == Listen && was.SendQueue != s.SendQueue || was.Protocol != s.Protocol || endpoints(was.Local, was.Remote) != endpoints(s.Local, s.Remote) ||
				was.UID != s.UID || was.Interface != s.Interface || (was.State == Listen) != (s.State == Listen) {
				h.defect(Sockets, "line %d: the socket with inode %d is not what it was in line %d", s.Line, s.Inode, was.Line)
			}
		}
		if existing < listening { // what answers names has other sockets that come and go
			h.defect(Sockets, "dump %d has %d of the %d listening sockets from before the program", d.number, existing, listening)
		}
		listening = existing
	}
	j.checkPolls(h)
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
func (j *joiner) checkPolls(h *Host) {
	dumps := h.dumps
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
func (j *joiner) checkUsers() {
	counts := make(map[uint32]int)
	each := func(f func(*Host, *Socket)) {
		for _, name := range j.run.Names() {
			h := j.run.Hosts[name]
			for i := range h.Sockets {
				if s := &h.Sockets[i]; s.State != Closed && !h.existed[s.Inode] && (s.Inode != 0 || s.UID != 0) {
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
func (j *joiner) checkFileRows(h *Host) {
	for _, d := range h.dumps {
		processes := make(map[int][]*File)
		for _, f := range d.files {
			of := processes[f.PID]
			if len(of) > 0 && (of[0].Command != f.Command || of[0].User != f.User) {
				h.defect(Files, "line %d: process %d is %q of %q, and %q of %q", f.Line, f.PID, f.Command, f.User, of[0].Command, of[0].User)
			}
			processes[f.PID] = append(of, f)
		}
		for _, pid := range slices.Sorted(maps.Keys(processes)) {
			if !h.started(processes[pid][0].Program, pid) && len(processes[pid]) == 1 {
				h.defect(Files, "dump %d: process %d has a single descriptor, and is not a program that was started", d.number, pid)
			}
		}
	}
	j.checkDescriptors(h)
}

// checkDescriptors wants a process to keep a socket under its descriptor.
func (j *joiner) checkDescriptors(h *Host) {
	type held struct {
		pid, fd int
		inode   uint64
	}
	first := make(map[held]int) // by process and inode
	for _, d := range h.dumps {
		now := make(map[held]bool)
		for _, f := range d.files {
			now[held{f.PID, f.FD, f.Inode}] = true
		}
		for _, f := range d.files {
			k := held{pid: f.PID, inode: f.Inode}
			fd, again := first[k]
			if !again {
				first[k] = f.FD
			}
			if again && f.Inode != 0 && !now[held{f.PID, fd, f.Inode}] {
				h.defect(Files, "line %d: process %d has socket %d at descriptor %d, and had it at %d", f.Line, f.PID, f.Inode, f.FD, fd)
			}
		}
	}
}

// checkTold compares what a program tells that is not of one connection with
// the tables, with its agent and with itself.
func (j *joiner) checkTold(h *Host) {
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
	}
	slices.Sort(served)
	for i, n := range served {
		if n != i+1 {
			h.defect(Program, "of the connections that it served, number %d is missing or there twice", i+1)
		}
	}
	if len(served) > 0 && h.finished() && (stopped != len(served) || count[EventStopped] != len(told)) {
		h.defect(Program, "it served %d connections, and says so of %d when it stopped", len(served), stopped)
	}
	host := j.hosts[h.Name]
	if host != nil && host.Ready.When == topology.ReadyEvent && count[EventListening]+count[EventHolding] == 0 &&
		slices.ContainsFunc(h.Events, func(e HostEvent) bool { return e.Event == HostReady }) &&
		!slices.ContainsFunc(h.Processes, func(p Process) bool { return p.Exited.Before(h.snapshot) && !p.Exited.IsZero() }) {
		h.defect(Program, "its agent says that it told that it was ready, and it tells nothing of the kind")
	}
	listens := make(map[string]bool)
	for _, s := range h.Sockets {
		if s.State == Listen && !h.existed[s.Inode] {
			listens[listenName(s.Local)] = true
		}
	}
	if h.Defect(Sockets) == "" && (len(told) > 0 || count[EventAccepted] > 0) && !maps.Equal(told, listens) {
		h.defect(Program, "it contradicts the socket table: it says that it listens on %q, the table has %q", slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(listens)))
	}
}

// listenName is an endpoint to listen on; any address is any address.
func listenName(e netip.AddrPort) string {
	if e.Addr().IsUnspecified() {
		return fmt.Sprintf("*:%d", e.Port())
	}
	return Unmap(e).String()
}
