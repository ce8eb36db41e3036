package agent

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// setRoutes gives a container its host's routes, and no other way out: the
// default route over the bridge that the engine set is a second path and goes.
func setRoutes(wanted []topology.Route) error {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	errs := []error{skipDAD()}
	for _, r := range routes {
		if r.Type == unix.RTN_UNICAST && (r.Dst == nil || r.Dst.IP.IsUnspecified()) {
			if err := netlink.RouteDel(&r); err != nil {
				errs = append(errs, fmt.Errorf("remove the default route over %s: %w", r.Gw, err))
			}
		}
	}
	for _, r := range wanted {
		route := netlink.Route{Gw: r.Gateway.AsSlice(), Dst: &net.IPNet{
			IP: r.Destination.Addr().AsSlice(), Mask: net.CIDRMask(r.Destination.Bits(), r.Destination.Addr().BitLen()),
		}}
		if err := netlink.RouteReplace(&route); err != nil {
			errs = append(errs, fmt.Errorf("route %s over %s: %w", r.Destination, r.Gateway, err))
		}
	}
	return errors.Join(errs...)
}

// skipDAD has the kernel use the addresses at once that it still detects
// duplicates of (RFC 4862): a container's own link-local ones, for up to 2 s, in
// which a router asks for no neighbour.
func skipDAD() error {
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_V6)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	var errs []error
	for _, a := range addresses {
		if a.Flags&unix.IFA_F_TENTATIVE == 0 {
			continue
		}
		at := &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: a.LinkIndex}}
		again := netlink.Addr{IPNet: a.IPNet, Flags: unix.IFA_F_NODAD}
		if err := errors.Join(netlink.AddrDel(at, &a), netlink.AddrAdd(at, &again)); err != nil {
			errs = append(errs, fmt.Errorf("set %s anew: %w", a.IPNet, err))
		}
	}
	return errors.Join(errs...)
}

// ruleBatch is how many rules the kernel takes in one message without larger
// socket buffers; at 200 it answers ENOBUFS.
const ruleBatch = 64

// translate makes the calling thread's network namespace a translating router,
// as at home (RFC 3022's NAPT, nft(8)'s masquerade and dnat): what it forwards
// onto the subnets that the host masquerades gets its own address there for a
// source, and keeps its port unless another connection has it or the lab says
// otherwise; what comes for a port of its own that it forwards goes elsewhere.
// Connections are tracked from the first rule on.
func translate(h topology.Host, interfaces []evidence.Interface) error {
	kernel, err := nftables.New()
	if err != nil {
		return fmt.Errorf("translate: open nftables: %w", err)
	}
	table := kernel.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "fourtuple"})
	postrouting := kernel.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	prerouting := kernel.AddChain(&nftables.Chain{
		Name: "prerouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityNATDest,
	})
	var rules []*nftables.Rule
	for _, link := range h.Links {
		if slices.Contains(h.Masquerade, link.Subnet) {
			at, err := interfaceOf(interfaces, link)
			if err != nil {
				return fmt.Errorf("masquerade: %w", err)
			}
			for _, match := range masquerade(link.Address.Addr(), h.MasqueradePorts) {
				rules = append(rules, &nftables.Rule{Table: table, Chain: postrouting, Exprs: slices.Concat([]expr.Any{
					&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
					&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: interfaceName(at)},
				}, match)})
			}
		}
		for _, f := range h.PortForwards {
			for _, protocol := range transports {
				rules = append(rules, &nftables.Rule{Table: table, Chain: prerouting, Exprs: forwardPort(link.Address.Addr(), protocol, f)})
			}
		}
	}
	for batch := range slices.Chunk(rules, ruleBatch) {
		for _, rule := range batch {
			kernel.AddRule(rule)
		}
		if err := kernel.Flush(); err != nil {
			return fmt.Errorf("translate by nftables: %w", err)
		}
	}
	return nil
}

// transports are the protocols that have ports.
var transports = []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP}

// masquerade is what rules do with what leaves by an interface that has this
// address, with these source ports. It says the address where it says ports: the
// expression masq of nftables v0.3.0 leaves out the flag without which the kernel
// does not look at them.
func masquerade(own netip.Addr, ports string) (rules [][]expr.Any) {
	switch ports {
	case "":
		return [][]expr.Any{{&expr.Masq{}}}
	case topology.MasqueradeRandom:
		return [][]expr.Any{{&expr.Masq{FullyRandom: true}}}
	}
	low, high, found := strings.Cut(ports, "-")
	if !found {
		high = low
	}
	number := func(text string) []byte {
		port, _ := strconv.ParseUint(text, 10, 16) // the lab was checked
		return binaryutil.BigEndian.PutUint16(uint16(port))
	}
	for _, protocol := range transports {
		rules = append(rules, []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
			&expr.Immediate{Register: 1, Data: own.AsSlice()},
			&expr.Immediate{Register: 2, Data: number(low)},
			&expr.Immediate{Register: 3, Data: number(high)},
			&expr.NAT{
				Type: expr.NATTypeSourceNAT, Family: unix.NFPROTO_IPV4,
				RegAddrMin: 1, RegProtoMin: 2, RegProtoMax: 3, Specified: true,
			},
		})
	}
	return rules
}

// forwardPort is a rule that sends on what comes for a port of an own address.
func forwardPort(own netip.Addr, protocol byte, f topology.PortForward) []expr.Any {
	const destinationAddress, destinationPort = 16, 2 // offsets in the headers of IPv4, of TCP and UDP
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: destinationAddress, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: own.AsSlice()},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: destinationPort, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(f.Port)},
		&expr.Immediate{Register: 1, Data: f.To.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(f.To.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegProtoMin: 2},
	}
}

// interfaceName is an interface's name as nftables compares it.
func interfaceName(i evidence.Interface) []byte {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, i.Name)
	return name
}

// cutTable is the table whose rules drop what would be forwarded between two
// interfaces.
func cutTable(a, b evidence.Interface) *nftables.Table {
	name := fmt.Sprintf("fourtuple-cut-%d-%d", min(a.Index, b.Index), max(a.Index, b.Index))
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: name}
}

// cut drops what would be forwarded between two interfaces of the calling
// thread's network namespace, either way and silently. No connection is tracked
// for that.
func cut(a, b evidence.Interface) error {
	kernel, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := kernel.CreateTable(cutTable(a, b))
	chain := kernel.AddChain(&nftables.Chain{
		Name: "forward", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	})
	for _, way := range [][2]evidence.Interface{{a, b}, {b, a}} {
		kernel.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: interfaceName(way[0])},
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: interfaceName(way[1])},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
	}
	if err := kernel.Flush(); errors.Is(err, unix.EEXIST) {
		return errors.New("they are cut off already")
	} else if err != nil {
		return fmt.Errorf("drop by nftables: %w", err)
	}
	return nil
}

// mend takes back what cut did.
func mend(a, b evidence.Interface) error {
	kernel, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	kernel.DelTable(cutTable(a, b))
	if err := kernel.Flush(); errors.Is(err, unix.ENOENT) {
		return errors.New("they are not cut off")
	} else if err != nil {
		return fmt.Errorf("drop no more by nftables: %w", err)
	}
	return nil
}
