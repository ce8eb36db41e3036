package table

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var sockets = Kind{
	Name: "sockets", OfHost: true, Dumped: true,
	Doc:       "the kernel's table of TCP and UDP sockets at a snapshot, as netstat and ss list it, without those that were there before any program",
	witnesses: []string{"sockets", "files"},
	text:      func(r *Row) string { return socketText(r.record.(*evidence.Socket)) },
	time: func(r *Row) (from, until time.Time) {
		s := r.record.(*evidence.Socket)
		return evidence.Polled(r.source.host.Sockets, s.Snapshot)
	},
	Columns: slices.Concat(
		[]Column{
			{Name: "protocol", Type: "string", Doc: "tcp or udp, whichever its family", Values: protocols, value: of(func(s *evidence.Socket) string { return protocol(s.Protocol) })},
			{Name: "family", Type: "string", Doc: "ipv4 or ipv6: the socket's own; an ipv6 socket can have IPv4 addresses", Values: families, value: of(func(s *evidence.Socket) string { return family(s.Protocol) })},
			{Name: "state", Type: "string", Doc: "the state, as netstat writes it; of UDP ESTABLISHED if connected, else CLOSE", Values: states, value: of(func(s *evidence.Socket) string { return s.State })},
		},
		endpoint("local", "the socket's own end", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Socket).Local }),
		endpoint("remote", "the other end; port 0 if there is none", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Socket).Remote }),
		[]Column{
			{Name: "recv_queue", Type: "int", Unit: "bytes", Doc: "netstat's Recv-Q: what arrived and was not read; in LISTEN, the connections that wait to be accepted", value: of(func(s *evidence.Socket) int64 { return int64(s.RecvQueue) })},
			{Name: "send_queue", Type: "int", Unit: "bytes", Doc: "netstat's Send-Q: what was sent and is not acknowledged; in LISTEN, the backlog", value: of(func(s *evidence.Socket) int64 { return int64(s.SendQueue) })},
			{Name: "uid", Type: "int", Doc: "the user that owns the socket", value: of(func(s *evidence.Socket) int64 { return int64(s.UID) })},
			{Name: "inode", Type: "int", Doc: "the socket's inode; 0 while no process holds it", value: of(func(s *evidence.Socket) int64 { return int64(s.Inode) })},
			{Name: "interface", Type: "string", Doc: "the interface that the socket is bound to; empty for none", value: boundTo},
			{Name: "program", Type: "string", Doc: "the name of the program that holds it; empty for the host's command, and for none", Witnesses: []string{"files"}, value: held(func(f *evidence.File) any { return f.Program }, "")},
			{Name: "pid", Type: "int", Doc: "the process that holds it, the first of several; 0 for none", Witnesses: []string{"files"}, value: held(func(f *evidence.File) any { return int64(f.PID) }, int64(0))},
			{Name: "time", Type: "string", Doc: "when the table was read (RFC 3339, UTC)", value: of(func(s *evidence.Socket) string { return timeText(s.Time) })},
			{Name: "snapshot", Type: "string", Doc: "the name of the snapshot", value: func(r *Row) any { return r.source.to.name }},
		},
	),
}

// boundTo is the name of the interface that a socket is bound to, by the host's
// account.
func boundTo(r *Row) any {
	index := int(r.record.(*evidence.Socket).Interface)
	if index == 0 {
		return ""
	}
	for _, e := range r.source.host.Events {
		for _, i := range e.Interfaces {
			if i.Index == index {
				return i.Name
			}
		}
	}
	return nil
}

// held is what a program's open file of the socket says, in the same dump. While
// the tables changed, that there is none says nothing.
func held(get func(*evidence.File) any, none any) func(*Row) any {
	return func(r *Row) any {
		s := r.record.(*evidence.Socket)
		if s.Inode == 0 {
			return none
		}
		for _, f := range evidence.Dump(r.source.host.Files, s.Snapshot) {
			if f.Inode == s.Inode {
				return get(&f)
			}
		}
		if s.Moving {
			return nil
		}
		return none
	}
}

// socketText is a socket in netstat's order.
func socketText(s *evidence.Socket) string {
	return words(s.Protocol, when(s.RecvQueue+s.SendQueue > 0, "recv-q %d send-q %d", s.RecvQueue, s.SendQueue),
		printed(s.Local), printed(s.Remote), s.State, fmt.Sprintf("inode %d", s.Inode))
}
