package claim

import (
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A SocketTable is the socket table of a host at a snapshot.
type SocketTable struct{ Host, Snapshot string }

// SocketTables are those that a lab's claims look at, or at whose sockets' open
// files, in the order of the snapshots. Without a snapshot there are none.
func SocketTables(lab *topology.Lab) (tables []SocketTable) {
	r := newReader(lab)
	if len(r.snapshots) == 0 {
		return nil
	}
	var look func(s *statement)
	look = func(s *statement) {
		for _, part := range slices.Concat(s.events, s.parts) {
			look(part)
		}
		host, name, _ := cutLast(s.table, ".")
		if name != "sockets" && name != "files" {
			return
		}
		t := SocketTable{host, s.span.To}
		if t.Snapshot == "" {
			t.Snapshot = r.snapshots[len(r.snapshots)-1]
		}
		if !slices.Contains(tables, t) {
			tables = append(tables, t)
		}
	}
	for _, c := range lab.Claims {
		look(r.claim(c))
	}
	slices.SortStableFunc(tables, func(a, b SocketTable) int {
		if n := slices.Index(r.snapshots, a.Snapshot) - slices.Index(r.snapshots, b.Snapshot); n != 0 {
			return n
		}
		return strings.Compare(a.Host, b.Host)
	})
	return tables
}

// Beliefs are what those of a lab's claims say that are expected to be refuted.
func Beliefs(lab *topology.Lab) (beliefs []topology.Text) {
	r := newReader(lab)
	for _, c := range lab.Claims {
		if s := r.claim(c); s.expected == Refuted {
			beliefs = append(beliefs, s.text())
		}
	}
	return beliefs
}
