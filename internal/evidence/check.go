package evidence

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// check compares what witnesses say of the same thing. Of three that can tell,
// the odd one is blamed, of two both.
func (j *joiner) check() {
	for _, name := range j.run.Names() {
		j.checkHost(j.run.Hosts[name])
	}
	j.checkUsers()
	for _, c := range j.connections {
		c.Lacks, c.Contradicted = make(map[string]string), make(map[string]bool)
		j.lacks(c)
	}
	for _, name := range j.run.Names() {
		j.compareTables(j.run.Hosts[name])
	}
	for _, c := range j.connections {
		j.checkPath(c)
		j.checkCaptures(c)
		if c.Outcome != Opened {
			continue
		}
		for _, end := range []end{{c, &c.Client, "client"}, {c, &c.Server, "server"}} {
			if h := j.run.Hosts[end.Host]; h != nil && (end.role == "client" || c.Source != c.Destination) {
				if h.Defect(Packets) == "" && len(end.Packets) == 0 {
					c.contradict("the other captures", "its capture has no packet of the connection", end.column(Packets))
				}
				j.checkHandshake(end)
				j.checkRows(h, end)
				j.checkProgram(h, end)
			}
		}
		j.forgetAbsent(c)
	}
}

// forgetAbsent takes out the witnesses that have nothing of a connection and need
// not have: a socket that came and went between two looks at the tables, one that
// no process ever held, a call that had not answered. They are no witnesses of
// it.
func (j *joiner) forgetAbsent(c *Connection) {
	for _, e := range []end{{c, &c.Client, RoleClient}, {c, &c.Server, RoleServer}} {
		h := j.run.Hosts[e.Host]
		if h == nil || c.Lacks[e.column(Packets)] != "" && c.Lacks[e.column(Packets)] != noHandshake {
			continue
		}
		prompted := !slices.ContainsFunc(e.Events, func(p ProgramEvent) bool { return !h.prompts[p.Program] }) &&
			!slices.ContainsFunc(e.Files, func(f File) bool { return !h.prompts[f.Program] })
		for w, nothing := range map[Witness]bool{
			Sockets: len(e.Sockets) == 0, Files: len(e.Files) == 0, Program: prompted && !slices.ContainsFunc(e.Events, e.begins),
		} {
			if nothing && h.Defect(w) == "" && !c.Contradicted[e.column(w)] {
				delete(c.Lacks, e.column(w))
			}
		}
	}
}

// An end is one side of a connection with the name of its columns.
type end struct {
	c *Connection
	*Side
	role string
}

func (e end) column(w Witness) string { return e.role + "." + string(w) }

// whole tells whether a column applies and lacks nothing so far.
func (c *Connection) whole(columns ...string) bool {
	for _, name := range columns {
		if why, ok := c.Lacks[name]; !ok || why != "" {
			return false
		}
	}
	return true
}

// contradict notes a contradiction, and blames columns for it.
func (c *Connection) contradict(against, why string, blamed ...string) {
	for _, name := range blamed {
		other := against
		if name == against {
			other = strings.Join(slices.DeleteFunc(slices.Clone(blamed), func(s string) bool { return s == name }), ", ")
		}
		lacks, applies := c.Lacks[name]
		if !applies {
			continue
		}
		c.Contradicted[name] = true
		if lacks == "" {
			c.Lacks[name] = fmt.Sprintf("contradicts %s: %s", other, why)
		}
	}
	c.Conflicts = append(c.Conflicts, fmt.Sprintf("%s: %s contradicts %s: %s", c.FourTuple, blamed[0], against, why))
}

// lacks asks every witness of a connection why its evidence is not whole. Of an
// attempt, tables tell what they have.
func (j *joiner) lacks(c *Connection) {
	open := c.Outcome == Opened || c.Outcome == Unknown
	for _, e := range []end{{c, &c.Client, RoleClient}, {c, &c.Server, RoleServer}} {
		if e.Host == "" {
			continue
		}
		h := j.run.Hosts[e.Host]
		itself := c.Source == c.Destination && e.role == RoleServer // its program only connects
		for w, asked := range map[Witness]bool{
			Packets: open || e.role == RoleClient || len(e.Packets) > 0,
			Sockets: open || len(e.Sockets) > 0, Files: open || len(e.Files) > 0, Program: open && h.tells(e) && !itself,
		} {
			if asked {
				c.Lacks[e.column(w)] = e.lack(h, w)
			}
		}
	}
}

// lack says why a witness's evidence of an end is not whole.
func (e end) lack(h *Host, w Witness) string {
	attempt := e.c.Outcome == Refused || e.c.Outcome == Unanswered
	switch {
	case h.Defect(w) != "":
		return h.Defect(w)
	case w == Packets && len(e.Packets) == 0:
		return "its capture has no packet of the connection"
	case w == Packets && attempt && !opens(&e.Packets[0]):
		return "its capture does not begin with the SYN"
	case w == Packets && !attempt && e.Sent.Gap+e.Received.Gap != "":
		return "its capture is not whole: " + cmp.Or(e.Sent.Gap, e.Received.Gap)
	case w == Sockets && len(e.Sockets) == 0:
		return "its socket table has no row of the connection"
	case w == Files && len(e.Files) == 0:
		return "no open file of its program is the connection"
	case w == Program && !slices.ContainsFunc(e.Events, e.begins):
		return fmt.Sprintf("its program does not say that it %s", e.begin())
	}
	return ""
}

// begin is the event by which a program says that the connection is open.
func (e end) begin() string {
	if e.role == RoleClient {
		return EventConnected
	}
	return EventAccepted
}

// begins tells whether an event says that the connection is open: of a prompt, a
// call that opens one and worked.
func (e end) begins(p ProgramEvent) bool {
	if p.Event != EventCall {
		return p.Event == e.begin()
	}
	opens := e.role == RoleServer && p.Call == "accept" || p.Call == "connect" && (e.role == RoleClient || e.c.simultaneous)
	return opens && p.Errno == "" && !p.Waiting
}

// tells tells whether the program that has the end's socket tells what becomes of
// connections. One that no process ever had has no program that could.
func (h *Host) tells(e end) bool {
	if h.Defect(Program) != "" || h.Defect(Files) != "" || h.Defect(Sockets) != "" {
		return len(h.tellers) > 0
	}
	return slices.ContainsFunc(e.Files, func(f File) bool { return h.tellers[f.Program] }) ||
		slices.ContainsFunc(e.Events, func(p ProgramEvent) bool { return h.tellers[p.Program] })
}

// checkPath compares the routers that have the connection with those that the
// lab's routes lead over. One that both ends are next to has no router.
func (j *joiner) checkPath(c *Connection) {
	const column = "router.packets"
	if c.Client.Host == "" || c.Server.Host == "" || c.Client.Host == c.Server.Host {
		return
	}
	there, known := j.routers(c.Client.Host, c.Server.Local.Addr())
	back, backKnown := j.routers(c.Server.Host, c.Client.Local.Addr())
	expected := slices.DeleteFunc(slices.Concat(there, back), func(name string) bool {
		return name == c.Client.Host || name == c.Server.Host // a router may itself be an end
	})
	if len(expected) == 0 && len(c.Path) == 0 && known && backKnown || c.Outcome == Unanswered {
		return
	}
	c.Lacks[column] = ""
	if !known || !backKnown {
		if len(c.Path) == 0 {
			c.Lacks[column] = "no router's capture has the connection"
		}
		return
	}
	for _, name := range expected {
		h := j.run.Hosts[name]
		on := slices.ContainsFunc(c.Path, func(hop Hop) bool { return hop.Host == name })
		switch {
		case c.Lacks[column] != "":
		case h.Defect(Packets) != "":
			c.Lacks[column] = name + ": " + h.Defect(Packets)
		case !on && c.Outcome == Opened:
			c.contradict("both ends", name+" has not forwarded it, by its capture", column)
		case !on:
			c.Lacks[column] = name + " has not forwarded it, by its capture"
		}
	}
	for _, hop := range c.Path {
		if hop.Translation == nil && !slices.Contains(expected, hop.Host) {
			c.contradict("lab.json", hop.Host+" forwarded it, and the lab's routes do not lead over it", column)
		}
	}
}

// checkHandshake wants SYN, SYN-ACK and ACK in their order, and what the host
// sent marked as sent.
func (j *joiner) checkHandshake(e end) {
	column := e.column(Packets)
	if !e.c.whole(column) {
		return
	}
	client := e.c.Source
	if e.role == "server" {
		client = e.Remote
	}
	begun, answered, completed := false, false, false
	for i := range e.Packets {
		p := &e.Packets[i]
		switch {
		case e.c.Client.Host != e.c.Server.Host && p.Outgoing != (p.Source == e.Local):
			e.c.contradict("itself", fmt.Sprintf("packet %d from %s is marked as if it went the other way", p.Number, p.Source), column)
			return
		case opens(p):
			begun = true
		case !begun:
			e.c.contradict("itself", fmt.Sprintf("packet %d comes before the SYN", p.Number), column)
			return
		case p.Flags.Has(SYN):
			answered = true
		case answered && p.Flags.Has(ACK) && (p.Source == client || e.c.simultaneous):
			completed = true
		}
	}
	if !answered || !completed {
		e.c.Lacks[column] = noHandshake
	}
}

// noHandshake is what a capture lacks that begins with the SYN and has nothing
// wrong, but not all of the handshake: the rest did not come there.
const noHandshake = "its capture has no whole handshake"

// checkProgram compares what a program says with the capture of its host. What a
// prompt says of its calls is neither in an order nor all that it could say.
func (j *joiner) checkProgram(h *Host, e end) {
	column, capture := e.column(Program), e.column(Packets)
	prompted := slices.ContainsFunc(e.Events, func(p ProgramEvent) bool { return p.Event == EventCall })
	if why := tellsInOrder(e); why != "" && !prompted {
		e.c.contradict("itself", why, column)
	}
	if !e.c.whole(column, capture) || e.c.Source == e.c.Destination {
		return
	}
	if prompted {
		checkCalls(h, e)
		return
	}
	sent, received := said(e.Events, EventSent), said(e.Events, EventReceived)
	reset := slices.ContainsFunc(e.Packets, func(p Packet) bool { return p.Flags.Has(RST) })
	delivered := !reset && e.gaveUp().IsZero() // else not all may have been sent that was given to the kernel
	switch {
	case !slices.ContainsFunc(e.Events, func(p ProgramEvent) bool { return h.tellData[p.Program] }):
	case !bytes.Equal(sent, e.Sent.Data) && (delivered || !bytes.HasPrefix(sent, e.Sent.Data)):
		e.c.contradict(capture, fmt.Sprintf("it says that it sent %d bytes, the capture has %d or others", len(sent), len(e.Sent.Data)), column)
	case !bytes.HasPrefix(e.Received.Data, received):
		e.c.contradict(capture, fmt.Sprintf("it says that it received %d bytes, the capture has %d or others", len(received), len(e.Received.Data)), column)
	case len(received) < j.read(h, e):
		e.c.contradict(capture, fmt.Sprintf("it says that it received %d bytes, and more were read when the queues were empty", len(received)), column)
	}
	fin := slices.ContainsFunc(e.Packets, func(p Packet) bool { return p.Source == e.Local && p.Flags.Has(FIN) })
	closed := slices.ContainsFunc(e.Events, func(p ProgramEvent) bool { return p.Event == EventClosed || p.Event == EventFailed })
	if fin && !closed && j.tellsEnds(h, e) {
		e.c.contradict(capture, "it does not say that it closed the connection, the capture has its FIN", column)
	}
}

// checkCalls wants calls that received to have received what came, and what left
// to have been sent by calls, where payloads are told at all. A call does not know
// its ends any more when the connection was reset meanwhile.
func checkCalls(h *Host, e end) {
	var sent, received []byte
	all := true
	for _, p := range e.Events {
		if p.Event != EventCall || p.Errno != "" || p.Waiting {
			continue
		}
		all = all && p.Bytes == len(p.Payload())
		switch p.Call {
		case "send", "write", "sendto", "sendmsg":
			sent = append(sent, p.Payload()...)
		case "recv", "read", "recvfrom", "recvmsg":
			received = append(received, p.Payload()...)
		}
	}
	lost := slices.ContainsFunc(h.Program, func(p ProgramEvent) bool {
		return p.Event == EventCall && p.Bytes > 0 && !endpoints(p.Local, p.Remote).IsValid()
	})
	if !all || lost {
		return
	}
	column, capture := e.column(Program), e.column(Packets)
	if !bytes.HasPrefix(sent, e.Sent.Data) {
		e.c.contradict(capture, fmt.Sprintf("it says that it sent %d bytes, the capture has %d or others", len(sent), len(e.Sent.Data)), column)
	}
	if !bytes.HasPrefix(e.Received.Data, received) {
		e.c.contradict(capture, fmt.Sprintf("it says that it received %d bytes, the capture has %d or others", len(received), len(e.Received.Data)), column)
	}
}

// tellsInOrder wants one beginning, first, and nothing after the end.
func tellsInOrder(e end) string {
	holds := 0
	for i, p := range e.Events {
		if p.Event == EventHolding {
			holds++
		}
		fails := p.Event == EventFailed
		switch {
		case (p.Event == EventConnected || p.Event == EventAccepted) && (p.Event != e.begin() || i > 0):
			return fmt.Sprintf("line %d: %q of a connection that is open, or that the other end began", p.Line, p.Event)
		case i == 0 && p.Event != e.begin() && !fails:
			return fmt.Sprintf("line %d: %q before %q", p.Line, p.Event, e.begin())
		case i > 0 && (e.Events[i-1].Event == EventClosed || p.Time.Before(e.Events[i-1].Time)):
			return fmt.Sprintf("line %d: %q after something later", p.Line, p.Event)
		case holds > 1 || p.Event == EventListening || p.Event == EventStopped:
			return fmt.Sprintf("line %d: %q of an open connection", p.Line, p.Event)
		case (p.Error != "") != fails && (fails || p.Event != EventClosed):
			return fmt.Sprintf("line %d: %q with the error %q", p.Line, p.Event, p.Error)
		case p.Bytes != 0 && p.Event != EventSent && p.Event != EventReceived:
			return fmt.Sprintf("line %d: %q with a payload", p.Line, p.Event)
		}
	}
	return ""
}

// said is the payload of all events of a kind.
func said(events []ProgramEvent, kind string) []byte {
	var all []byte
	for _, e := range events {
		if e.Event == kind {
			all = append(all, e.Payload()...)
		}
	}
	return all
}

// read is how many bytes the program must have read: all that came before a
// snapshot in which nothing waited to be read, or before it closed the socket.
func (j *joiner) read(h *Host, e end) int {
	var idle time.Time
	for _, d := range h.dumps {
		if d.idle {
			idle = d.after
		}
	}
	// Whoever closes a socket without having read everything sends RST.
	x := e.exchange()
	if reset := slices.ContainsFunc(e.Packets, func(p Packet) bool { return p.Source == e.Local && p.Flags.Has(RST) }); !reset && x.sentFIN.After(idle) {
		idle = x.sentFIN.Add(-time.Millisecond)
	}
	least := 0
	initial, _ := initialNumber(e.Packets, e.Remote)
	for _, p := range e.Packets {
		if p.Source == e.Remote && p.Length > 0 && p.Time.Before(idle) {
			least = max(least, int(int32(p.Seq-initial-1))+p.Length)
		}
	}
	return min(least, len(e.Received.Data))
}

// tellsEnds tells whether the program would say that it closed the connection:
// it ended by itself, it is one that says when it is done, and the connection is
// the started process's own. A child may be killed with it, and the kernel closes
// what it had open.
func (j *joiner) tellsEnds(h *Host, e end) bool {
	for _, p := range h.Processes {
		own := func(f File) bool { return f.Program == p.Program && f.PID == p.PID }
		ends := func(e ProgramEvent) bool {
			return e.Program == p.Program && e.PID == p.PID && (e.Event == EventHolding || e.Event == EventStopped || e.Event == EventClosed)
		}
		if slices.ContainsFunc(e.Files, own) {
			return p.Status != nil && *p.Status == 0 && slices.ContainsFunc(h.Program, ends)
		}
	}
	return false
}
