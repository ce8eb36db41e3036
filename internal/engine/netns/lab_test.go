package netns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// star is the shape of the first lab, with as many clients as wanted:
//
//	server ── home ── router ─┬─ net1 ── client1
//	                          ├─ net2 ── client2
//	                          └─ ...
//
// Subnet i is the i-th /26 of 10.12.0.0/16 (home is the 0th), hosts are .10 in
// it and the router .62.
func star(clients int) *topology.Lab {
	l := &topology.Lab{Name: "star"}
	router := topology.Host{Name: "router", Forwards: true}
	for i := range clients + 1 {
		subnet, host := fmt.Sprintf("net%d", i), fmt.Sprintf("client%d", i)
		if i == 0 {
			subnet, host = "home", "server"
		}
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 12, byte(i / 4), byte(i % 4 * 64)}), 26)
		l.Subnets = append(l.Subnets, topology.Subnet{Name: subnet, Prefix: prefix})
		gateway := offset(prefix, 62)
		router.Links = append(router.Links, topology.Link{Subnet: subnet, Address: netip.PrefixFrom(gateway, 26)})
		l.Hosts = append(l.Hosts, topology.Host{
			Name:   host,
			Links:  []topology.Link{{Subnet: subnet, Address: netip.PrefixFrom(offset(prefix, 10), 26)}},
			Routes: []topology.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: gateway}},
		})
	}
	l.Hosts = append(l.Hosts, router)
	sorted(l)
	return l
}

// dual is the star with IPv6 on all subnets but the last client's: in
// fd12:0:0:I::/64, hosts are ::10 and the router ::fe.
func dual(clients int) *topology.Lab {
	l := star(clients)
	without := fmt.Sprintf("net%d", clients)
	for i := range l.Hosts {
		h := &l.Hosts[i]
		if h.Forwards {
			h.Sysctls = map[string]string{"net.ipv6.conf.all.forwarding": "1"}
		}
		for j := range h.Links {
			link := &h.Links[j]
			if link.Subnet == without {
				continue
			}
			a := link.Address.Addr().As4()
			subnet := int(a[2])*4 + int(a[3])/64
			gateway := netip.MustParseAddr(fmt.Sprintf("fd12:0:0:%x::fe", subnet))
			link.Address6 = netip.PrefixFrom(gateway, 64)
			if !h.Forwards {
				link.Address6 = netip.MustParsePrefix(fmt.Sprintf("fd12:0:0:%x::10/64", subnet))
				h.Routes = append(h.Routes, topology.Route{Destination: netip.MustParsePrefix("::/0"), Gateway: gateway})
			}
		}
	}
	for i := range l.Subnets {
		if s := &l.Subnets[i]; s.Name != without {
			a := s.Prefix.Addr().As4()
			s.Prefix6 = netip.MustParsePrefix(fmt.Sprintf("fd12:0:0:%x::/64", int(a[2])*4+int(a[3])/64))
		}
	}
	return l
}

// offset returns the prefix's n-th address.
func offset(p netip.Prefix, n byte) netip.Addr {
	a := p.Addr().As4()
	a[3] += n
	return netip.AddrFrom4(a)
}

// sorted puts hosts and subnets in the order that topology promises.
func sorted(l *topology.Lab) {
	slices.SortFunc(l.Hosts, func(a, b topology.Host) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Subnets, func(a, b topology.Subnet) int { return strings.Compare(a.Name, b.Name) })
}

// chain has two routers between the server and a subnet of five clients, which
// a bridge joins; lonely is a subnet with one host only.
//
//	server ── home ── inner ── middle ── outer ── far ─┬─ client1
//	                                                   ├─ ...
//	                              lonely ── client1    └─ client5
func chain() *topology.Lab {
	link := func(subnet, address string) topology.Link {
		return topology.Link{Subnet: subnet, Address: netip.MustParsePrefix(address)}
	}
	route := func(to, via string) topology.Route {
		return topology.Route{Destination: netip.MustParsePrefix(to), Gateway: netip.MustParseAddr(via)}
	}
	l := &topology.Lab{
		Name: "chain",
		Subnets: []topology.Subnet{
			{Name: "home", Prefix: netip.MustParsePrefix("10.12.0.0/24")},
			{Name: "middle", Prefix: netip.MustParsePrefix("10.12.1.0/30")},
			{Name: "far", Prefix: netip.MustParsePrefix("10.12.2.0/24")},
			{Name: "lonely", Prefix: netip.MustParsePrefix("10.12.3.0/24")},
			{Name: "empty", Prefix: netip.MustParsePrefix("10.12.4.0/24")},
		},
		Hosts: []topology.Host{
			{
				Name: "server", Links: []topology.Link{link("home", "10.12.0.10/24")},
				Routes: []topology.Route{route("0.0.0.0/0", "10.12.0.254")},
			},
			{
				Name: "inner", Forwards: true,
				Links:  []topology.Link{link("home", "10.12.0.254/24"), link("middle", "10.12.1.1/30")},
				Routes: []topology.Route{route("10.12.2.0/24", "10.12.1.2")},
			},
			{
				Name: "outer", Forwards: true,
				Links:  []topology.Link{link("far", "10.12.2.254/24"), link("middle", "10.12.1.2/30")},
				Routes: []topology.Route{route("10.12.0.0/24", "10.12.1.1")},
			},
		},
	}
	for i := range 5 {
		l.Hosts = append(l.Hosts, topology.Host{
			Name:   fmt.Sprintf("client%d", i+1),
			Links:  []topology.Link{link("far", fmt.Sprintf("10.12.2.%d/24", 10+i))},
			Routes: []topology.Route{route("0.0.0.0/0", "10.12.2.254")},
		})
	}
	first, _ := l.Host("client1")
	first.Links = append(first.Links, link("lonely", "10.12.3.10/24"))
	first.Links[1].MAC = "02:00:00:00:00:01"
	sorted(l)
	return l
}
