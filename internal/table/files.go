package table

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var files = Kind{
	Name: "files", OfHost: true, Dumped: true,
	Doc:       "the open files of a host's programs at a snapshot, as lsof lists them",
	witnesses: []string{"files"},
	text:      func(r *Row) string { return fileText(r.record.(*evidence.File)) },
	time: func(r *Row) (from, until time.Time) {
		f := r.record.(*evidence.File)
		return evidence.Polled(r.source.host.Files, f.Snapshot)
	},
	Columns: slices.Concat(
		[]Column{
			{Name: "program", Type: "string", Doc: "the name of the program; empty for the host's command", value: of(func(f *evidence.File) string { return f.Program })},
			{Name: "command", Type: "string", Doc: "the process's command name", value: of(func(f *evidence.File) string { return valid([]byte(f.Command)) })},
			{Name: "pid", Type: "int", Doc: "the process", value: of(func(f *evidence.File) int64 { return int64(f.PID) })},
			{Name: "user", Type: "string", Doc: "the process's user", value: of(func(f *evidence.File) string { return f.User })},
			{Name: "fd", Type: "int", Doc: "the descriptor", value: of(func(f *evidence.File) int64 { return int64(f.FD) })},
			{Name: "access", Type: "string", Doc: "r for reading, w for writing, u for both", Values: []string{"r", "w", "u"}, value: of(func(f *evidence.File) string { return f.Access })},
			{Name: "type", Type: "string", Doc: "IPv4, IPv6, unix, or lsof's word for another kind: REG, CHR, DIR, FIFO, a_inode", value: of(func(f *evidence.File) string { return f.Type })},
			{Name: "target", Type: "string", Doc: "what the descriptor's link says: a path, pipe:[1234], socket:[1234]", value: of(func(f *evidence.File) string { return valid([]byte(f.Target)) })},
			{Name: "inode", Type: "int", Doc: "the socket's inode; 0 for a file that is no socket", value: of(func(f *evidence.File) int64 { return int64(f.Inode) })},
			{Name: "protocol", Type: "string", Doc: "tcp or udp; empty for a file that is no such socket, as of all columns that follow", Values: protocols, value: of(func(f *evidence.File) string { return protocol(f.Protocol) })},
			{Name: "family", Type: "string", Doc: "ipv4 or ipv6: the socket's own", Values: families, value: of(func(f *evidence.File) string { return family(f.Protocol) })},
			{Name: "state", Type: "string", Doc: "the state, as netstat writes it", Values: states, value: of(func(f *evidence.File) string { return f.State })},
		},
		endpoint("local", "the socket's own end", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.File).Local }),
		endpoint("remote", "the other end; port 0 if there is none", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.File).Remote }),
	),
}

// fileText is an open file in lsof's order.
func fileText(f *evidence.File) string {
	name := f.Target
	if f.Protocol != "" {
		name = words(strings.ToUpper(protocol(f.Protocol)), printed(f.Local)+when(f.Remote.Port() != 0, "->%s", printed(f.Remote)), when(f.State != "", "(%s)", f.State), when(f.Inode != 0, "inode %d", f.Inode))
	}
	return words(cmp.Or(f.Command, "-"), fmt.Sprint(f.PID), f.User, fmt.Sprintf("%d%s", f.FD, f.Access), f.Type, name)
}
