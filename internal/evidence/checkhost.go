package evidence

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// checkHost compares what a host's witnesses say that is not of one connection.
func (j *joiner) checkHost(h *Host) {
	h.dumps = j.dumpsOf(h)
	h.tellers, h.tellData, h.prompts = make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, e := range h.Program {
		data := e.Event == EventSent || e.Event == EventReceived
		if data || e.Event == EventConnected || e.Event == EventAccepted || e.Event == EventCall && (e.Call == "connect" || e.Call == "accept") {
			h.tellers[e.Program] = true
		}
		if data {
			h.tellData[e.Program] = true
		}
		if e.Event == EventPrompt {
			h.prompts[e.Program] = true
		}
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
	polled := host == nil || len(host.Program)+len(host.Programs) > 0 || host.Translates()
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
// is while it is in use. Those that were there before the program, a container
// engine's, stay.
func (j *joiner) checkSocketRows(h *Host) {
	last := make(map[uint64]*Socket)
	listening := 0
	for _, d := range h.dumps {
		existing := 0
		j.checkQueues(h, d)
		for _, s := range d.sockets {
			if h.existed[s.Inode] && s.State == Listen {
				existing++
			}
			if s.Inode == 0 || s.State == SynSent || !h.existed[s.Inode] && !strings.HasPrefix(s.Protocol, TCP) {
				continue
			}
			was := last[s.Inode]
			last[s.Inode] = s
			if was == nil {
				continue
			}
			differs := was.Protocol != s.Protocol || endpoints(was.Local, was.Remote) != endpoints(s.Local, s.Remote) ||
				was.UID != s.UID || was.Interface != s.Interface || (was.State == Listen) != (s.State == Listen)
			if differs && !h.reused(was, s) {
				for _, row := range []*Socket{was, s} {
					j.disagree(h, Sockets, row.Line, 0, "the socket with inode %d is one thing in line %d and another in line %d", s.Inode, was.Line, s.Line)
				}
			}
			if s.State == Listen && was.State == Listen && was.SendQueue != s.SendQueue && !h.calls(s.Local, "listen", 2) {
				j.disagree(h, Sockets, s.Line, 0, "%d connections may wait to be accepted, in line %d it was %d", s.SendQueue, was.Line, was.SendQueue)
			}
		}
		if existing < listening { // what answers names has other sockets that come and go
			h.defect(Sockets, "dump %d has %d of the %d listening sockets from before the program", d.number, existing, listening)
		}
		listening = existing
	}
	j.checkPolls(h)
}

// reused tells whether a prompt may have made another thing of its socket in
// between: it shut it down, or connected it anew.
func (h *Host) reused(was, s *Socket) bool {
	return h.calls(was.Local, "shutdown", 1) || h.calls(s.Local, "connect", 2) || h.calls(s.Local, "listen", 2)
}

// calls tells whether prompts made a call at least so often on sockets of an
// endpoint's port.
func (h *Host) calls(local netip.AddrPort, call string, least int) bool {
	n := 0
	for i := range h.Program {
		if e := &h.Program[i]; e.Event == EventCall && e.Call == call && e.Local.Port() == local.Port() {
			n++
		}
	}
	return n >= least
}

// checkQueues compares the queues of listening sockets with the connections that
// wait in them. Of several sockets on one port nobody tells which one has them. A
// connection that was reset waits, and has no row.
func (j *joiner) checkQueues(h *Host, d dump) {
	type queue struct {
		waits, rows int
		sockets     []*Socket
	}
	queues := make(map[uint16]*queue)
	for _, s := range d.sockets {
		if s.State == Listen {
			port := s.Local.Port()
			if queues[port] == nil {
				queues[port] = new(queue)
			}
			queues[port].waits += int(s.RecvQueue)
			queues[port].sockets = append(queues[port].sockets, s)
		}
	}
	if len(queues) == 0 {
		return
	}
	for _, s := range d.sockets {
		q := queues[s.Local.Port()]
		if q != nil && s.Inode == 0 && (s.State == Established || s.State == CloseWait) && strings.HasPrefix(s.Protocol, TCP) {
			q.rows++
		}
	}
	for _, port := range slices.Sorted(maps.Keys(queues)) {
		q := queues[port]
		wrong := d.still && (q.waits < q.rows || q.waits > q.rows && q.waits > q.rows+j.resetAt(h, port, d.at))
		for _, s := range q.sockets {
			if wrong || s.RecvQueue > s.SendQueue+1 && !h.calls(s.Local, "listen", 2) {
				j.disagree(h, Sockets, s.Line, 0, "%d connections wait to be accepted, at most %d may, and the dump has rows of %d", s.RecvQueue, s.SendQueue, q.rows)
			}
		}
	}
}

// resetAt counts the connections to a port that were reset until then.
func (j *joiner) resetAt(h *Host, port uint16, at time.Time) (n int) {
	for _, c := range j.connections {
		if c.Server.Host != h.Name || c.Server.Local.Port() != port || c.Outcome != Opened {
			continue
		}
		if slices.ContainsFunc(c.Server.Packets, func(p Packet) bool { return p.Flags.Has(RST) && !p.Time.After(at) }) {
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
			j.disagree(h, Sockets, s.Line, 0, "a socket of user %d, where the run's programs are user %d's", s.UID, most)
		}
	})
}

// checkFileRows wants rows as /proc gives them, of the program and what it
// started.
func (j *joiner) checkFileRows(h *Host) {
	for _, d := range h.dumps {
		processes := make(map[int][]*File)
		started := make(map[string][]*File) // by program, what its own process has
		for _, f := range d.files {
			of := processes[f.PID]
			if len(of) > 0 && (of[0].Command != f.Command || of[0].User != f.User || of[0].Program != f.Program) {
				j.disagree(h, Files, f.Line, 0, "process %d is %q of %q, and %q of %q in line %d", f.PID, f.Command, f.User, of[0].Command, of[0].User, of[0].Line)
			}
			processes[f.PID] = append(of, f)
			if h.started(f.Program, f.PID) {
				started[f.Program] = append(started[f.Program], f)
			}
		}
		for _, of := range processes {
			f := of[0]
			own := started[f.Program]
			has := func(g *File) bool { return g.FD == f.FD }
			if len(of) == 1 && len(own) > 0 && !h.started(f.Program, f.PID) && (f.FD > 2 || !slices.ContainsFunc(own, has)) {
				j.disagree(h, Files, f.Line, 0, "process %d has the single descriptor %d, beside process %d", f.PID, f.FD, own[0].PID)
			}
		}
	}
	j.checkDescriptors(h)
}

// checkDescriptors wants a process to keep a socket under its descriptor, or to
// make it one of its standard streams.
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
			if again && f.Inode != 0 && f.FD > 2 && !now[held{f.PID, fd, f.Inode}] {
				j.disagree(h, Files, f.Line, 0, "process %d has socket %d at descriptor %d, and had it at %d", f.PID, f.Inode, f.FD, fd)
			}
		}
	}
}

// checkTold compares what programs tell that is not of one connection with the
// tables, with their agent and with themselves.
func (j *joiner) checkTold(h *Host) {
	for i := range h.Processes {
		j.checkToldBy(h, &h.Processes[i])
	}
	j.checkAnswers(h)
	lab := j.hosts[h.Name]
	if lab == nil {
		return
	}
	for _, e := range h.Events {
		_, ready := lab.Arguments(e.Program)
		if e.Event != HostReady || ready.When != topology.ReadyEvent {
			continue
		}
		says := func(p ProgramEvent) bool {
			return p.Program == e.Program && (p.Event == EventListening || p.Event == EventHolding || p.Event == EventPrompt)
		}
		ended := func(p Process) bool {
			return p.Program == e.Program && !p.Exited.IsZero() && p.Exited.Before(h.snapshot)
		}
		if !slices.ContainsFunc(h.Program, says) && !slices.ContainsFunc(h.Processes, ended) {
			j.disagree(h, Program, 0, 0, "its agent says that it told that it was ready, and it tells nothing of the kind")
		}
	}
}

// lines are the calls that one line of a prompt may make; each line makes at least
// one, and a call that fails is its last.
var lines = [][]string{{"socket", "bind", "listen"}, {"socket", "connect"}}

// checkAnswers wants each line that was typed to a prompt to have made its calls,
// and to be answered by the last of them, as the agent says.
func (j *joiner) checkAnswers(h *Host) {
	said := make(map[string][]*HostEvent) // by program, what the agent says
	for i := range h.Events {
		if e := &h.Events[i]; e.Event == HostStep && e.Answer != nil {
			said[e.Answer.Program] = append(said[e.Answer.Program], e)
		}
	}
	calls := make(map[string][]*ProgramEvent)
	for i := range h.Program {
		e := &h.Program[i]
		made := calls[e.Program]
		switch e.Event {
		case EventCall:
			calls[e.Program] = append(made, e)
		case EventAnswer:
			calls[e.Program] = nil
			if !answered(made, e) {
				j.disagree(h, Program, e.Line, 0, "the calls before it are not those of %q", e.Typed)
			}
			of := said[e.Program]
			if len(of) == 0 || of[0].Answer.Typed != e.Typed || !of[0].Answer.same(e) {
				j.disagree(h, Program, e.Line, 0, "its agent has another answer in its place")
				continue
			}
			said[e.Program] = of[1:]
		}
	}
	for _, program := range slices.Sorted(maps.Keys(said)) {
		if of := said[program]; len(of) > 0 {
			j.disagree(h, Program, 0, 0, "it lacks the answer to %q, which its agent has in line %d", of[0].Answer.Typed, of[0].Line)
		}
	}
}

// same tells whether two events say the same of one call.
func (e *ProgramEvent) same(o *ProgramEvent) bool {
	return e.Answer == o.Answer && e.PID == o.PID && e.Local == o.Local && e.Remote == o.Remote &&
		e.Bytes == o.Bytes && e.Error == o.Error && bytes.Equal(e.Payload(), o.Payload())
}

// answered tells whether the calls may be those of the answer's line.
func answered(calls []*ProgramEvent, answer *ProgramEvent) bool {
	if len(calls) == 0 {
		return answer.Answer == Answer{} || answer.Call == "exit" || answer.Error != ""
	}
	last := calls[len(calls)-1]
	if !last.same(answer) {
		return false
	}
	for _, e := range calls {
		if e.FD != last.FD || e.Socket != last.Socket || e.PID != last.PID || e.Call == "socket" && e.Errno == "" && int(e.Result) != e.FD {
			return false
		}
	}
	return len(calls) == 1 || slices.ContainsFunc(lines, func(names []string) bool {
		return len(calls) <= len(names) && !slices.ContainsFunc(calls, func(e *ProgramEvent) bool { return !slices.Contains(names, e.Call) }) &&
			(len(calls) == len(names) || last.Errno != "" || last.Waiting) && calls[0].Call == names[0] && calls[len(calls)-1].Call == names[len(calls)-1]
	})
}

// checkToldBy compares what one process tells with the tables and with itself.
func (j *joiner) checkToldBy(h *Host, p *Process) {
	told, count := make(map[string]*ProgramEvent), make(map[string]int)
	var served []int
	stopped := 0
	for i := range h.Program {
		e := &h.Program[i]
		if e.Program != p.Program || e.PID != p.PID {
			continue
		}
		count[e.Event]++
		switch e.Event {
		case EventListening:
			if !e.Local.IsValid() {
				continue // it only says that it is ready
			}
			if told[listenName(e.Local)] != nil {
				j.disagree(h, Program, e.Line, 0, "it says a second time that it listens on %s", e.Local)
			}
			told[listenName(e.Local)] = e
		case EventClosed:
			if e.Served > 0 {
				served = append(served, e.Served)
			}
		case EventStopped:
			stopped = e.Served
			if told[listenName(e.Local)] == nil {
				j.disagree(h, Program, e.Line, 0, "it says that it stopped to listen on %s, and not that it did", e.Local)
			}
		}
	}
	slices.Sort(served)
	for i, n := range served {
		if n != i+1 {
			j.disagree(h, Program, 0, 0, "of the connections that it served, number %d is missing or there twice", i+1)
		}
	}
	if finished := p.Status != nil && *p.Status == 0; len(served) > 0 && finished && (stopped != len(served) || count[EventStopped] != len(told)) {
		j.disagree(h, Program, 0, 0, "it served %d connections, and says so of %d when it stopped", len(served), stopped)
	}
	if h.Defect(Sockets)+h.Defect(Files) != "" || len(told) == 0 && count[EventAccepted] == 0 {
		return
	}
	listens := make(map[string]bool)
	for i := range h.Files {
		f := &h.Files[i]
		if f.State != Listen || f.Program != p.Program || f.PID != p.PID {
			continue
		}
		if name := listenName(f.Local); !listens[name] {
			listens[name] = true
			if told[name] == nil {
				j.disagree(h, Files, f.Line, 0, "the program does not say that it listens on %s", f.Local)
				j.disagree(h, Program, 0, 0, "it does not say that it listens on %s, as its open files have it", f.Local)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		seen := func(d dump) bool {
			return d.after.After(told[name].Time) && (p.Exited.IsZero() || d.at.Before(p.Exited))
		}
		if !listens[name] && slices.ContainsFunc(h.dumps, seen) {
			j.disagree(h, Program, told[name].Line, 0, "it says that it listens on %s, and its open files have no such socket", name)
		}
	}
}

// listenName is an endpoint to listen on; any address is any address.
func listenName(e netip.AddrPort) string {
	if e.Addr().IsUnspecified() {
		return fmt.Sprintf("*:%d", e.Port())
	}
	return Unmap(e).String()
}
