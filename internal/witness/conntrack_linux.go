package witness

import (
	"cmp"
	"errors"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A ConntrackTable is the kernel's table of tracked connections. Its methods
// may be called from any goroutine.
type ConntrackTable struct{ *table }

// OpenConntrackTable opens the table of the calling thread's network namespace.
// A dump of it needs CAP_NET_ADMIN there.
func OpenConntrackTable() (*ConntrackTable, error) {
	t, err := openTable("conntrack table", unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	return &ConntrackTable{t}, nil
}

// Dump returns the entries of TCP whose addresses or ports are translated,
// sorted, without Header and Snapshot. With ErrInterrupted what it has may lack
// some; with any other error it has none.
func (t *ConntrackTable) Dump() ([]evidence.Translation, error) {
	var flows []*netlink.ConntrackFlow
	err := t.dump(func(h *netlink.Handle) (err error) {
		flows, err = h.ConntrackTableList(netlink.ConntrackTable, unix.AF_UNSPEC)
		return err
	})
	if err != nil && !errors.Is(err, ErrInterrupted) {
		return nil, err
	}
	var rows []evidence.Translation
	for _, f := range flows {
		row := evidence.Translation{Original: tuple(f.Forward), Translated: tuple(f.Reverse).Reverse()}
		if f.Forward.Protocol == unix.IPPROTO_TCP && row.Original != row.Translated {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b evidence.Translation) int {
		return cmp.Or(compareTuples(a.Original, b.Original), compareTuples(a.Translated, b.Translated))
	})
	// The kernel may walk a part of its table twice.
	return slices.Compact(rows), err
}

func tuple(t netlink.IPTuple) evidence.FourTuple {
	return evidence.FourTuple{Source: endpoint(t.SrcIP, t.SrcPort), Destination: endpoint(t.DstIP, t.DstPort)}
}

func compareTuples(a, b evidence.FourTuple) int {
	return cmp.Or(a.Source.Compare(b.Source), a.Destination.Compare(b.Destination))
}
