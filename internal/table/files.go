package table

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sort"
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
		return polledAt(r.source.host.Files, func(f *evidence.File) (time.Time, int) { return f.Time, f.Snapshot }, f.Snapshot)
	},
	Columns: slices.Concat(
		[]Column{
			{Name: "program", Type: "string", Doc: "the name of the program; empty for the host's command", Witnesses: byFiles, value: of(func(f *evidence.File) string { return f.Program })},
			{Name: "command", Type: "string", Doc: "the process's command name", Witnesses: byFiles, value: of(func(f *evidence.File) string { return valid([]byte(f.Command)) })},
			{Name: "pid", Type: "int", Doc: "the process", Witnesses: byFiles, value: of(func(f *evidence.File) int64 { return int64(f.PID) })},
			{Name: "user", Type: "string", Doc: "the process's user", Witnesses: byFiles, value: of(func(f *evidence.File) string { return f.User })},
			{Name: "fd", Type: "int", Doc: "the descriptor", Witnesses: byFiles, value: of(func(f *evidence.File) int64 { return int64(f.FD) })},
			{Name: "access", Type: "string", Doc: "r for reading, w for writing, u for both", Witnesses: byFiles, Values: []string{"r", "w", "u"}, value: of(func(f *evidence.File) string { return f.Access })},
			{Name: "type", Type: "string", Doc: "IPv4, IPv6, unix, or lsof's word for another kind: REG, CHR, DIR, FIFO, a_inode", Witnesses: byFiles, value: of(func(f *evidence.File) string { return f.Type })},
			{Name: "target", Type: "string", Doc: "what the descriptor's link says: a path, pipe:[1234], socket:[1234]", Witnesses: byFiles, value: of(func(f *evidence.File) string { return valid([]byte(f.Target)) })},
			{Name: "inode", Type: "int", Doc: "the socket's inode; 0 for a file that is no socket", Witnesses: byFiles, value: of(func(f *evidence.File) int64 { return int64(f.Inode) })},
			{Name: "protocol", Type: "string", Doc: "tcp or udp; empty for a file that is no such socket, as of all columns that follow", Witnesses: byFiles, Values: protocols, value: of(func(f *evidence.File) string { return protocol(f.Protocol) })},
			{Name: "family", Type: "string", Doc: "ipv4 or ipv6: the socket's own", Witnesses: byFiles, Values: families, value: of(func(f *evidence.File) string { return family(f.Protocol) })},
			{Name: "state", Type: "string", Doc: "the state, as netstat writes it", Witnesses: byFiles, Values: states, value: of(func(f *evidence.File) string { return f.State })},
		},
		endpoint("local", "the socket's own end", Column{Witnesses: byFiles}, func(r *Row) netip.AddrPort { return r.record.(*evidence.File).Local }),
		endpoint("remote", "the other end; port 0 if there is none", Column{Witnesses: byFiles}, func(r *Row) netip.AddrPort { return r.record.(*evidence.File).Remote }),
	),
}

var byFiles = []string{"files"}

// dumpOf are the rows of a dump, of all rows in the order of dumps.
func dumpOf[R any](rows []R, number int, of func(*R) int) []R {
	from := sort.Search(len(rows), func(i int) bool { return of(&rows[i]) >= number })
	until := from + sort.Search(len(rows)-from, func(i int) bool { return of(&rows[from+i]) > number })
	return rows[from:until:until]
}

func filesOf(h *evidence.Host, number int) []evidence.File {
	return dumpOf(h.Files, number, func(f *evidence.File) int { return f.Snapshot })
}

// fileText is an open file in lsof's order.
func fileText(f *evidence.File) string {
	name := f.Target
	if f.Protocol != "" {
		name = words(strings.ToUpper(protocol(f.Protocol)), printed(f.Local)+when(f.Remote.Port() != 0, "->%s", printed(f.Remote)), when(f.State != "", "(%s)", f.State), when(f.Inode != 0, "inode %d", f.Inode))
	}
	return words(cmp.Or(f.Command, "-"), fmt.Sprint(f.PID), f.User, fmt.Sprintf("%d%s", f.FD, f.Access), f.Type, name)
}
