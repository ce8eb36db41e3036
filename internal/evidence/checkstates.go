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
	if !e.c.whole(capture) {
		return
	}
	x, dumps := e.exchange(), h.dumps
	rows, opened := make(map[int]*Socket), make(map[int]*File)
	for i := range e.Sockets {
		rows[e.Sockets[i].Snapshot] = &e.Sockets[i]
	}
	for i := range e.Files {
		opened[e.Files[i].Snapshot] = &e.Files[i]
	}
	from, _ := slices.BinarySearchFunc(dumps, x.syn, func(d dump, t time.Time) int { return d.at.Compare(t) })
	for _, d := range dumps[from:] {
		s, f := rows[d.number], opened[d.number]
		delete(rows, d.number)
		delete(opened, d.number)
		if s == nil && f == nil && !never(x.ended, d.at) && len(rows)+len(opened) == 0 {
			break
		}
		if why := x.row(e, s, d); why != "" && h.Defect(Sockets) == "" {
			e.c.contradict(capture, why, table)
			return
		}
		if f != nil && e.c.whole(files) {
			if why := x.state(f.State, d); why != "" {
				e.c.contradict(capture, fmt.Sprintf("line %d: %s", f.Line, why), files)
			}
		}
	}
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
	case d.idle && state == SynSent: // a SYN counts in the queue until it is answered
		return state + " in a snapshot in which all queues were empty"
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

// row says why a dump cannot have this row of a connection, or, without one, why
// it must have one.
func (x exchange) row(e end, s *Socket, d dump) string {
	if s == nil {
		if never(x.ended, d.at) && before(x.syn, d.after) {
			return fmt.Sprintf("dump %d has no row of it, although it was open", d.number)
		}
		return ""
	}
	why := x.state(s.State, d)
	switch {
	case why != "":
	case s.State == SynReceived && s.Inode != 0, s.State == Established && s.Inode == 0 && before(x.sent, d.after):
		why = fmt.Sprintf("%s with the inode %d", s.State, s.Inode)
	case d.idle && s.RecvQueue+s.SendQueue > 0:
		why = "bytes in a queue, in a snapshot in which all were empty"
	case int(s.RecvQueue) > len(e.Received.Data)+1 || int(s.SendQueue) > len(e.Sent.Data)+2:
		why = "more bytes in a queue than were sent"
	default:
		return ""
	}
	return fmt.Sprintf("line %d: %s", s.Line, why)
}
