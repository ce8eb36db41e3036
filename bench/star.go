package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// star is the network that mininet_star.py wires: a router, and one host on
// each of so many subnets, which are the first /26s of 10.12.0.0/16.
func star(subnets int) *topology.Lab {
	l := &topology.Lab{Name: "star"}
	router := topology.Host{Name: "router", Forwards: true}
	for i := range subnets {
		name := fmt.Sprintf("net%d", i)
		gateway := address(i, 62)
		l.Subnets = append(l.Subnets, topology.Subnet{Name: name, Prefix: netip.PrefixFrom(address(i, 0), 26)})
		router.Links = append(router.Links, topology.Link{Subnet: name, Address: netip.PrefixFrom(gateway, 26)})
		l.Hosts = append(l.Hosts, topology.Host{
			Name:   fmt.Sprintf("h%d", i),
			Links:  []topology.Link{{Subnet: name, Address: netip.PrefixFrom(address(i, 10), 26)}},
			Routes: []topology.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: gateway}},
		})
	}
	l.Hosts = append(l.Hosts, router)
	slices.SortFunc(l.Hosts, func(a, b topology.Host) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(l.Subnets, func(a, b topology.Subnet) int { return strings.Compare(a.Name, b.Name) })
	return l
}

// address is the host's address on the subnet.
func address(subnet, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 12, byte(subnet / 4), byte(subnet%4*64 + host)})
}
