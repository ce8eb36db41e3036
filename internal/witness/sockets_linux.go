package witness

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A SocketTable is the kernel's table of TCP and UDP sockets (sock_diag(7)).
// Its methods may be called from any goroutine.
type SocketTable struct{ *table }

// OpenSocketTable opens the table of the calling thread's network namespace. It
// needs no privilege.
func OpenSocketTable() (*SocketTable, error) {
	t, err := openTable("socket table", unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, err
	}
	return &SocketTable{t}, nil
}

// Dump returns all sockets, sorted, without Header and Snapshot; with
// ErrInterrupted what it has may lack some. With any other error it has none.
//
// The library passes over all that follows a row which is too short to be a
// socket and says nothing; no kernel makes such rows.
func (t *SocketTable) Dump() ([]evidence.Socket, error) {
	var rows []evidence.Socket
	err := t.dump(func(h *netlink.Handle) (err error) {
		rows, err = dumpSockets(h)
		return err
	})
	if err != nil && !errors.Is(err, ErrInterrupted) {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b evidence.Socket) int {
		return cmp.Or(
			cmp.Compare(a.Protocol, b.Protocol), a.Local.Compare(b.Local), a.Remote.Compare(b.Remote),
			cmp.Compare(a.State, b.State), cmp.Compare(a.Inode, b.Inode),
		)
	})
	return rows, err
}

// dumpSockets asks for each protocol by itself: no request covers two.
func dumpSockets(h *netlink.Handle) ([]evidence.Socket, error) {
	var rows []evidence.Socket
	var interrupted error
	for _, q := range [...]struct {
		protocol string
		family   uint8
		dump     func(family uint8) ([]*netlink.Socket, error)
	}{
		{"tcp", unix.AF_INET, h.SocketDiagTCP},
		{"tcp6", unix.AF_INET6, h.SocketDiagTCP},
		{"udp", unix.AF_INET, h.SocketDiagUDP},
		{"udp6", unix.AF_INET6, h.SocketDiagUDP},
	} {
		found, err := q.dump(q.family)
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			interrupted = err
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", q.protocol, err)
		}
		for _, s := range found {
			row, err := socketRow(s, q.protocol)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", q.protocol, err)
			}
			rows = append(rows, row)
		}
	}
	return rows, interrupted
}

func socketRow(s *netlink.Socket, protocol string) (evidence.Socket, error) {
	state, ok := evidence.StateName(uint64(s.State))
	if !ok {
		return evidence.Socket{}, fmt.Errorf("the kernel gives the unknown state %d", s.State)
	}
	return evidence.Socket{
		Protocol: protocol, State: state,
		Local:     endpoint(s.ID.Source, s.ID.SourcePort),
		Remote:    endpoint(s.ID.Destination, s.ID.DestinationPort),
		RecvQueue: s.RQueue, SendQueue: s.WQueue,
		UID: s.UID, Inode: uint64(s.INode), Interface: s.ID.Interface,
	}, nil
}

// endpoint is an endpoint as the library gives it, which writes IPv4 addresses
// as mapped ones.
func endpoint(ip net.IP, port uint16) netip.AddrPort {
	address, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(address.Unmap(), port)
}
