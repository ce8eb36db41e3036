package evidence

import (
	"fmt"
	"slices"
	"time"
)

// rank orders the states that a socket goes through (RFC 9293, section 3.3.2).
var rank = map[string]int{
	SynSent: 1, SynReceived: 1, Established: 2, FinWait1: 3, CloseWait: 3,
	FinWait2: 4, Closing: 4, LastAck: 4, TimeWait: 5, Closed: 6,
}

// checkRows compares the rows of one end with its capture: a socket is there as
// long as the connection is open, and in the state that the packets leave it in,
// in the socket table and among the open files.
func (j *joiner) checkRows(h *Host, e end) {
	table, files, capture := e.column(Sockets), e.column(Files), e.column(Packets)
	if why := e.c.Lacks[capture]; why != "" && why != noHandshake {
		return
	}
	x, dumps := e.exchange(), h.dumps
	rows, opened := make(map[int]*Socket), make(map[int][]*File)
	for i := range e.Sockets {
		rows[e.Sockets[i].Snapshot] = &e.Sockets[i]
	}
	for i := range e.Files {
		f := &e.Files[i]
		opened[f.Snapshot] = append(opened[f.Snapshot], f)
	}
	from, _ := slices.BinarySearchFunc(dumps, x.syn, func(d dump, t time.Time) int { return d.at.Compare(t) })
	for _, d := range dumps[from:] {
		s, of := rows[d.number], opened[d.number]
		delete(rows, d.number)
		delete(opened, d.number)
		if s == nil && len(of) == 0 && !never(x.ended, d.at) && len(rows)+len(opened) == 0 {
			break
		}
		if why := x.row(e, s, d); why != "" && h.Defect(Sockets) == "" {
			line := 0
			if s != nil {
				line = s.Line
			}
			j.disagree(h, Sockets, line, d.number, "it contradicts the capture: %s", why)
			e.c.contradict(capture, why, table)
			return
		}
		for _, f := range of {
			if why := x.state(f.State, d); why != "" && e.c.whole(files) {
				why = fmt.Sprintf("line %d: %s", f.Line, why)
				j.disagree(h, Files, f.Line, d.number, "it contradicts the capture: %s", why)
				e.c.contradict(capture, why, files)
			}
		}
	}
}

// An exchange is what an end's capture says of the times at which the connection
// began and ended; a zero time is never.
type exchange struct {
	syn time.Time
	// mayOpen is when the end's socket may be past the handshake, opened when it
	// must be, if it was taken at all; certain says that it was, since it then
	// sent more than the handshake.
	mayOpen, opened, certain time.Time
	sent, sentFIN            time.Time
	// receivedFIN is when a FIN came, tookFIN when it was acknowledged: one that
	// came before what precedes it changes nothing yet.
	receivedFIN, tookFIN time.Time
	// ackedFIN is when the end's own FIN was acknowledged.
	ackedFIN, ended time.Time
	// gaveUp is when what was sent was sent again and never acknowledged: from
	// then on an end may give up, and tells nobody.
	gaveUp time.Time
	port   uint16
}

func (e end) exchange() exchange {
	x := exchange{port: e.Local.Port()}
	first := func(t *time.Time, p *Packet) {
		if t.IsZero() {
			*t = p.Time
		}
	}
	answered, fin, ownFIN := false, uint32(0), uint32(0)
	for i := range e.Packets {
		p := &e.Packets[i]
		own, theirs := p.Source == e.Local, p.Source == e.Remote
		switch {
		case opens(p):
			first(&x.syn, p)
			continue
		case p.Flags.Has(SYN):
			if own && answered && e.role == RoleServer && x.certain.IsZero() {
				x.opened = time.Time{} // the acknowledgement was not taken
			}
			answered = true
			if e.role == RoleClient || e.c.simultaneous {
				first(&x.mayOpen, p)
			}
			if e.role == RoleClient && !e.c.simultaneous {
				first(&x.opened, p)
			}
		case p.Flags.Has(RST):
		case answered && theirs && p.Flags.Has(ACK):
			first(&x.mayOpen, p)
			first(&x.opened, p)
		}
		if own && p.Flags&(SYN|RST) == 0 {
			first(&x.certain, p)
			first(&x.mayOpen, p)
			first(&x.opened, p)
		}
		if p.Length > 0 && own {
			first(&x.sent, p)
		}
		if p.Flags.Has(FIN) && own {
			first(&x.sentFIN, p)
			ownFIN = p.Seq + uint32(p.Length)
		}
		if theirs && !x.sentFIN.IsZero() && p.Flags.Has(ACK) && int32(p.Ack-ownFIN) > 0 {
			first(&x.ackedFIN, p)
		}
		if p.Flags.Has(FIN) && theirs {
			first(&x.receivedFIN, p)
			fin = p.Seq + uint32(p.Length)
		}
		if own && !x.receivedFIN.IsZero() && p.Flags.Has(ACK) && int32(p.Ack-fin) > 0 {
			first(&x.tookFIN, p)
		}
		if p.Flags&(FIN|RST) != 0 {
			first(&x.ended, p)
		}
	}
	x.gaveUp = e.gaveUp()
	return x
}

// gaveUp is when the end sent something a second time that was never
// acknowledged.
func (e end) gaveUp() time.Time {
	var acknowledged uint32
	any := false
	for i := range e.Packets {
		if p := &e.Packets[i]; p.Source == e.Remote && p.Flags.Has(ACK) && (!any || int32(p.Ack-acknowledged) > 0) {
			acknowledged, any = p.Ack, true
		}
	}
	seen := make(map[uint32]bool)
	for i := range e.Packets {
		p := &e.Packets[i]
		if p.Source != e.Local || p.Length == 0 && p.Flags&(SYN|FIN) == 0 || any && int32(p.Seq-acknowledged) < 0 {
			continue
		}
		if seen[p.Seq] {
			return p.Time
		}
		seen[p.Seq] = true
	}
	return time.Time{}
}

// pending tells whether something may wait in the send queue that no capture has
// yet: what was sent is not acknowledged, or the other end takes nothing more.
func (e end) pending(at time.Time) bool {
	initial, known := initialNumber(e.Packets, e.Local)
	var end, acknowledged int32
	window := uint16(1)
	for i := range e.Packets {
		p := &e.Packets[i]
		if p.Time.After(at.Add(tableSlack)) {
			break
		}
		if p.Source == e.Local {
			end = max(end, int32(p.Seq-initial)+int32(p.Length))
		} else if p.Flags.Has(ACK) && !p.Flags.Has(RST) {
			acknowledged, window = max(acknowledged, int32(p.Ack-initial)), p.Window
		}
	}
	return !known || end > acknowledged || window == 0
}

func before(t, than time.Time) bool { return !t.IsZero() && t.Before(than.Add(-tableSlack)) }

func never(t, by time.Time) bool { return t.IsZero() || t.After(by.Add(tableSlack)) }

// smallMessage is how many bytes any receive buffer takes.
const smallMessage = 500

// cameBy is how many bytes came to the end by a time, the other end's FIN among
// them, as it counts in the queue.
func (e end) cameBy(at time.Time) (bytes int) {
	initial, _ := initialNumber(e.Packets, e.Remote)
	for i := range e.Packets {
		p := &e.Packets[i]
		if p.Source != e.Remote || p.Time.After(at) {
			continue
		}
		last := int(int32(p.Seq-initial-1)) + p.Length
		if p.Flags.Has(FIN) {
			last++
		}
		bytes = max(bytes, last)
	}
	return bytes
}

// mustBeOpen tells whether the handshake must be over before a dump began: a
// listener whose queue is full forgets the acknowledgement that ends it.
func (x exchange) mustBeOpen(d dump) bool {
	return before(x.certain, d.after) || before(x.opened, d.after) && !d.full[x.port]
}

// state says why the packets leave the socket in another state at a dump; empty
// if they may leave it in this one.
func (x exchange) state(state string, d dump) string {
	open := never(x.ended, d.at)
	switch {
	case before(x.opened, d.after) && state == SynSent, x.mustBeOpen(d) && state == SynReceived && d.idle:
		return state + ", although the handshake was complete"
	case d.idle && state == SynSent: // a SYN counts in the queue until it is answered
		return state + " in a snapshot in which all queues were empty"
	case never(x.mayOpen, d.at) && rank[state] >= 2:
		return state + " before the handshake was complete"
	case open && (rank[state] > 3 || state == CloseWait || state == FinWait1 && d.idle),
		open && d.idle && state != Established && x.mustBeOpen(d):
		return state + ", although nobody had ended the connection"
	case state == TimeWait && (never(x.ackedFIN, d.at) || never(x.receivedFIN, d.at)),
		state == FinWait2 && never(x.ackedFIN, d.at),
		(state == LastAck || state == Closing) && d.idle && never(x.sentFIN, d.at), // else it may wait behind data
		(state == CloseWait || state == LastAck || state == Closing) && never(x.receivedFIN, d.at):
		return state + " without what leads there"
	case (state == CloseWait || state == LastAck) && !x.sentFIN.IsZero() && x.sentFIN.Before(x.receivedFIN):
		return state + ", although it was the first to end the connection"
	case rank[state] <= 2 && (before(x.sentFIN, d.after) || before(x.tookFIN, d.after)):
		return state + " after a FIN"
	}
	return ""
}

// row says why a dump cannot have this row of a connection, or, without one, why
// it must have one.
func (x exchange) row(e end, s *Socket, d dump) string {
	if s == nil {
		began := x.mustBeOpen(d) || e.role == RoleClient && !x.opened.IsZero() && before(x.syn, d.after)
		if never(x.ended, d.at) && never(x.gaveUp, d.at) && began {
			return fmt.Sprintf("dump %d has no row of it, although it was open", d.number)
		}
		return ""
	}
	why := x.state(s.State, d)
	switch {
	case why != "":
	case s.Protocol != e.Sockets[0].Protocol:
		why = fmt.Sprintf("a socket of %s, and in line %d of %s", s.Protocol, e.Sockets[0].Line, e.Sockets[0].Protocol)
	case s.State == SynReceived && s.Inode != 0 && !e.c.simultaneous, s.State == Established && s.Inode == 0 && before(x.sent, d.after):
		why = fmt.Sprintf("%s with the inode %d", s.State, s.Inode)
	case d.idle && s.RecvQueue+s.SendQueue > 0:
		why = "bytes in a queue, in a snapshot in which all were empty"
	case s.RecvQueue > 0 && int(s.RecvQueue) > e.cameBy(d.at.Add(tableSlack)) || int(s.SendQueue) > len(e.Sent.Data)+2 && !e.pending(d.at):
		why = "more bytes in a queue than were sent"
	case s.Inode == 0 && s.State == Established && d.still && int(s.RecvQueue) < min(e.cameBy(d.after.Add(-tableSlack)), smallMessage):
		why = "fewer bytes to be read than came, and nobody has it who could have read them"
	default:
		return ""
	}
	return fmt.Sprintf("line %d: %s", s.Line, why)
}
