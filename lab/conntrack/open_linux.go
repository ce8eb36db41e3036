package conntrack

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/lab/evidence"
)

// A Table is the connection tracking table of one network namespace.
type Table struct{ handle *netlink.Handle }

// Open opens the table of the calling thread's network namespace.
func Open() (*Table, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	return &Table{handle}, nil
}

// Close gives the descriptor back.
func (t *Table) Close() error { t.handle.Close(); return nil }

// Dump reads the translated TCP connections.
func (t *Table) Dump(h evidence.Header, snapshot int) ([]evidence.Translation, error) {
	flows, err := t.handle.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
	if err != nil {
		return nil, err
	}
	h.Witness = evidence.Conntracked
	var found []evidence.Translation
	for _, f := range flows {
		if f.Forward.Protocol != unix.IPPROTO_TCP {
			continue
		}
		original := evidence.FourTuple{Source: endpoint(f.Forward.SrcIP, f.Forward.SrcPort), Destination: endpoint(f.Forward.DstIP, f.Forward.DstPort)}
		reply := evidence.FourTuple{Source: endpoint(f.Reverse.SrcIP, f.Reverse.SrcPort), Destination: endpoint(f.Reverse.DstIP, f.Reverse.DstPort)}
		if translated := reply.Reverse(); translated != original {
			found = append(found, evidence.Translation{Header: h, Snapshot: snapshot, Original: original, Translated: translated})
		}
	}
	return found, nil
}

func endpoint(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}
