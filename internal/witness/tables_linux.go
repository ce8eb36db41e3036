package witness

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A table is a netlink socket through which a table of the kernel is dumped. It
// belongs to the namespace of the thread that opened it. Its methods may be
// called from any goroutine.
type table struct {
	name   string
	mu     sync.Mutex
	handle *netlink.Handle // nil once it is closed
}

func openTable(name string, family int) (*table, error) {
	h, err := netlink.NewHandle(family)
	if err != nil {
		return nil, fmt.Errorf("open the %s: %w", name, err)
	}
	return &table{name: name, handle: h}, nil
}

// dump has f read the table. What f got before it was interrupted is kept.
func (t *table) dump(f func(*netlink.Handle) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := os.ErrClosed // without a socket of its own the library would open one wherever this thread is
	if t.handle != nil {
		err = f(t.handle)
	}
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = ErrInterrupted
	}
	if err != nil {
		return fmt.Errorf("dump the %s: %w", t.name, err)
	}
	return nil
}

// Close releases the table. Closing it twice is no error.
func (t *table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.handle != nil {
		t.handle.Close()
		t.handle = nil
	}
	return nil
}

// A SocketTable is the kernel's table of TCP and UDP sockets (sock_diag(7)).
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
// The library says nothing of rows that are too short; no kernel makes such.
func (t *SocketTable) Dump() ([]evidence.Socket, error) {
	var rows []evidence.Socket
	err := t.dump(func(h *netlink.Handle) (err error) {
		rows, err = dumpSockets(h)
		return err
	})
	slices.SortFunc(rows, func(a, b evidence.Socket) int {
		return cmp.Or(
			cmp.Compare(a.Protocol, b.Protocol), a.Local.Compare(b.Local), a.Remote.Compare(b.Remote),
			cmp.Compare(a.State, b.State), cmp.Compare(a.Inode, b.Inode),
		)
	})
	return rows, err
}

// dumpSockets asks for each protocol by itself: no request covers two.
func dumpSockets(h *netlink.Handle) (rows []evidence.Socket, interrupted error) {
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
			state, ok := evidence.StateName(uint64(s.State))
			if !ok {
				return nil, fmt.Errorf("%s: the kernel gives the unknown state %d", q.protocol, s.State)
			}
			rows = append(rows, evidence.Socket{
				Protocol: q.protocol, State: state,
				Local:     scoped(endpoint(s.ID.Source, s.ID.SourcePort), s.ID.Interface),
				Remote:    scoped(endpoint(s.ID.Destination, s.ID.DestinationPort), s.ID.Interface),
				RecvQueue: s.RQueue, SendQueue: s.WQueue,
				UID: s.UID, Inode: uint64(s.INode), Interface: s.ID.Interface,
			})
		}
	}
	return rows, interrupted
}

// endpoint is an endpoint of the library's, which writes IPv4 addresses as
// mapped ones.
func endpoint(ip net.IP, port uint16) netip.AddrPort {
	address, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(address.Unmap(), port)
}

// scoped adds to a link-local endpoint the index of its interface (RFC 4007,
// section 11), as far as the socket is bound to one.
func scoped(e netip.AddrPort, index uint32) netip.AddrPort {
	if !e.Addr().Is6() || !e.Addr().IsLinkLocalUnicast() || index == 0 {
		return e
	}
	return netip.AddrPortFrom(e.Addr().WithZone(strconv.Itoa(int(index))), e.Port())
}

// A ConntrackTable is the kernel's table of tracked connections.
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

// Dump returns the entries of TCP and UDP whose addresses or ports are
// translated, sorted, without Header and Snapshot. With ErrInterrupted what it has may lack
// some; with any other error it has none.
func (t *ConntrackTable) Dump() ([]evidence.Translation, error) {
	var flows []*netlink.ConntrackFlow
	err := t.dump(func(h *netlink.Handle) (err error) {
		flows, err = h.ConntrackTableList(netlink.ConntrackTable, unix.AF_UNSPEC)
		return err
	})
	var rows []evidence.Translation
	for _, f := range flows {
		row := evidence.Translation{
			Protocol: tracked[f.Forward.Protocol], Original: tuple(f.Forward), Translated: tuple(f.Reverse).Reverse(),
		}
		if row.Protocol != "" && row.Original != row.Translated {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b evidence.Translation) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), a.Original.Source.Compare(b.Original.Source), a.Original.Destination.Compare(b.Original.Destination))
	})
	// The kernel may walk a part of its table twice.
	return slices.Compact(rows), err
}

// tracked are the protocols whose entries are told.
var tracked = map[uint8]string{unix.IPPROTO_TCP: evidence.TCP, unix.IPPROTO_UDP: evidence.UDP}

func tuple(t netlink.IPTuple) evidence.FourTuple {
	return evidence.FourTuple{Source: endpoint(t.SrcIP, t.SrcPort), Destination: endpoint(t.DstIP, t.DstPort)}
}

// Interfaces lists the interfaces of the calling thread's network namespace in
// the order of their indices, with the addresses of each in the kernel's order.
func Interfaces() (interfaces []evidence.Interface, err error) {
	for range 8 { // interfaces and addresses may come and go while they are listed
		if interfaces, err = listInterfaces(); err == nil {
			return interfaces, nil
		}
	}
	return nil, fmt.Errorf("list the interfaces: %w", err)
}

func listInterfaces() ([]evidence.Interface, error) {
	links, errLinks := netlink.LinkList()
	addresses, errAddresses := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err := cmp.Or(errLinks, errAddresses); err != nil {
		return nil, err
	}
	byLink := make(map[int][]netip.Prefix)
	for _, a := range addresses {
		bits, _ := a.Mask.Size()
		byLink[a.LinkIndex] = append(byLink[a.LinkIndex], netip.PrefixFrom(endpoint(a.IP, 0).Addr(), bits))
	}
	interfaces := make([]evidence.Interface, 0, len(links))
	for _, l := range links {
		a := l.Attrs()
		interfaces = append(interfaces, evidence.Interface{
			Name: a.Name, Index: a.Index, MAC: a.HardwareAddr.String(), MTU: a.MTU, Addresses: byLink[a.Index],
		})
	}
	slices.SortFunc(interfaces, func(a, b evidence.Interface) int { return cmp.Compare(a.Index, b.Index) })
	return interfaces, nil
}
