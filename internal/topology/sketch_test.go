package topology_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A sketch is a lab in few words: subnet N is 10.12.N.0/24, and, if it is one of
// those with IPv6, fd12:0:0:N::/64.
type sketch struct {
	ipv6    []string // subnets
	subnets []string
	hosts   []sketchedHost
	clients []string
}

type sketchedHost struct {
	name       string
	on         []int // subnets, by number
	address    int   // the last byte on each of them
	router     bool
	only4      bool // a router that does not forward IPv6
	dependsOn  []string
	masquerade []string
}

func (s sketch) lab() *topology.Lab {
	lab := &topology.Lab{Name: "sketch", Clients: s.clients, Limit: time.Minute}
	for n, name := range s.subnets {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 12, byte(n), 0}), 24)
		subnet := topology.Subnet{Name: name, Prefix: prefix, Gateway: prefix.Addr().Next()}
		if slices.Contains(s.ipv6, name) {
			subnet.Prefix6 = address6(n, 0).Masked()
			subnet.Gateway6 = address6(n, 1).Addr()
		}
		lab.Subnets = append(lab.Subnets, subnet)
	}
	for _, h := range s.hosts {
		host := topology.Host{Name: h.name, Hostname: h.name, Forwards: h.router, DependsOn: h.dependsOn, Masquerade: h.masquerade}
		if !h.router {
			host.Program = []string{"run", h.name}
		}
		for _, n := range h.on {
			address := netip.AddrFrom4([4]byte{10, 12, byte(n), byte(h.address)})
			link := topology.Link{Subnet: s.subnets[n], Address: netip.PrefixFrom(address, 24)}
			if slices.Contains(s.ipv6, link.Subnet) {
				link.Address6 = address6(n, h.address)
			}
			host.Links = append(host.Links, link)
		}
		if h.router && len(s.ipv6) > 0 && !h.only4 {
			host.Sysctls = map[string]string{topology.Forwarding6: "1"}
		}
		slices.SortFunc(host.Links, func(a, b topology.Link) int { return strings.Compare(a.Subnet, b.Subnet) })
		lab.Hosts = append(lab.Hosts, host)
	}
	slices.SortFunc(lab.Subnets, func(a, b topology.Subnet) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(lab.Hosts, func(a, b topology.Host) int { return strings.Compare(a.Name, b.Name) })
	topology.ComputeRoutes(lab)
	topology.NameHosts(lab)
	lab.Steps = topology.DefaultSteps(lab.Hosts)
	return lab
}

func address6(subnet, host int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x12, 7: byte(subnet), 15: byte(host)}), 64)
}

// star is the lab that is scaled most:
//
//	server ── home ── r1 ┬─ lan1 ── client1
//	                     └─ lan2 ── client2 …
//
// and with a chain, server ── home ── r2 ── back ── r1.
func star(clients int, chain bool) sketch {
	s := sketch{subnets: []string{"home", "back"}}
	r1 := sketchedHost{name: "r1", on: []int{0}, address: 251, router: true}
	if chain {
		r1.on = []int{1}
		s.hosts = append(s.hosts, sketchedHost{name: "r2", on: []int{0, 1}, address: 252, router: true})
	}
	s.hosts = append(s.hosts, sketchedHost{name: "server", on: []int{0}, address: 10})
	for i := range clients {
		name := fmt.Sprintf("client%d", i+1)
		s.subnets = append(s.subnets, fmt.Sprintf("lan%d", i+1))
		r1.on = append(r1.on, i+2)
		s.hosts = append(s.hosts, sketchedHost{name: name, on: []int{i + 2}, address: 10, dependsOn: []string{"r1", "server"}})
		s.clients = append(s.clients, name)
	}
	s.hosts = append(s.hosts, r1)
	return s
}

// behindNAT has each client behind a router of its own:
//
//	server ── net ┬─ nat1 ── lan1 ── pc1
//	              └─ nat2 ── lan2 ── pc2
func behindNAT() sketch {
	return sketch{
		clients: []string{"pc1", "pc2"}, subnets: []string{"net", "lan1", "lan2"},
		hosts: []sketchedHost{
			{name: "server", on: []int{0}, address: 10},
			{name: "nat1", on: []int{0, 1}, address: 21, router: true, masquerade: []string{"net"}},
			{name: "nat2", on: []int{0, 2}, address: 22, router: true, masquerade: []string{"net"}},
			{name: "pc1", on: []int{1}, address: 31},
			{name: "pc2", on: []int{2}, address: 32, dependsOn: []string{"nat2"}},
		},
	}
}

// drawSketch draws up to 8 subnets, 6 routers on two to four of them, and 6
// hosts on one or two. Names are in no order.
func drawSketch(t *rapid.T) sketch {
	var s sketch
	for _, n := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7}).Draw(t, "subnets")[:rapid.IntRange(2, 8).Draw(t, "subnet count")] {
		s.subnets = append(s.subnets, fmt.Sprintf("subnet%d", n))
	}
	all := make([]int, len(s.subnets))
	for n := range all {
		all[n] = n
	}
	address := 10
	draw := func(kind string, count, least, most int) {
		for _, n := range rapid.Permutation([]int{0, 1, 2, 3, 4, 5}).Draw(t, kind)[:count] {
			on := rapid.Permutation(all).Draw(t, "on")[:rapid.IntRange(least, min(most, len(all))).Draw(t, "on count")]
			s.hosts = append(s.hosts, sketchedHost{name: fmt.Sprintf("%s%d", kind, n), on: on, address: address, router: kind == "router"})
			address++
		}
	}
	draw("router", rapid.IntRange(0, 6).Draw(t, "router count"), 2, 4)
	draw("host", rapid.IntRange(1, 6).Draw(t, "host count"), 1, 2)
	for _, subnet := range s.subnets {
		if rapid.Bool().Draw(t, "IPv6") {
			s.ipv6 = append(s.ipv6, subnet)
		}
	}
	return s
}

// maxHops is more than any shortest way has.
const maxHops = 20

// forward carries a packet from host to host by their tables, as a kernel
// does: the longest prefix counts, and only routers pass on. It returns how
// many routers it took, and an error that says where it got stuck.
func forward(lab *topology.Lab, from string, to netip.Addr) (hops int, err error) {
	owners := lab.Owners()
	for at := from; hops <= maxHops; hops++ {
		if owners[to] == at {
			return hops - 1, nil
		}
		host, _ := lab.Host(at)
		if at != from && (!host.Forwards || to.Is6() && host.Sysctls[topology.Forwarding6] != "1") {
			return hops, fmt.Errorf("%s does not forward", at)
		}
		next, ok := nextHop(host, to)
		if !ok {
			return hops, fmt.Errorf("%s has no route to %s", at, to)
		}
		if at, ok = owners[next]; !ok {
			return hops, fmt.Errorf("nobody has the address %s", next)
		}
	}
	return hops, fmt.Errorf("the packet went in circles")
}

func nextHop(host *topology.Host, to netip.Addr) (next netip.Addr, ok bool) {
	longest := -1
	linked := func(to netip.Addr) bool {
		return slices.ContainsFunc(host.Links, func(l topology.Link) bool { return l.Address.Masked().Contains(to) || l.Address6.Masked().Contains(to) })
	}
	if linked(to) {
		return to, true
	}
	for _, route := range host.Routes {
		if route.Destination.Contains(to) && route.Destination.Bits() > longest && linked(route.Gateway) {
			next, longest = route.Gateway, route.Destination.Bits()
		}
	}
	return next, longest >= 0
}

// distances says of every subnet over how many routers it is reached from the
// host, over links that have an address of the family, by a search that has
// nothing to do with the one under test: it goes on until nothing gets shorter.
func distances(lab *topology.Lab, from string, address func(topology.Link) netip.Prefix) map[string]int {
	distance := make(map[string]int)
	host, _ := lab.Host(from)
	for _, link := range host.Links {
		if address(link).IsValid() {
			distance[link.Subnet] = 0
		}
	}
	for changed := true; changed; {
		changed = false
		for _, r := range lab.Hosts {
			if !r.Forwards || r.Name == from {
				continue
			}
			for _, a := range r.Links {
				for _, b := range r.Links {
					near, ok := distance[a.Subnet]
					far, known := distance[b.Subnet]
					if ok && address(b).IsValid() && (!known || near+1 < far) {
						distance[b.Subnet] = near + 1
						changed = true
					}
				}
			}
		}
	}
	return distance
}

// The control of the walk: it sees a missing route.
func TestForwardSeesAMissingRoute(t *testing.T) {
	lab := star(1, false).lab()
	server, _ := lab.Host("server")
	_, err := forward(lab, "client1", server.Links[0].Address.Addr())
	require.NoError(t, err)
	server.Routes = nil
	client, _ := lab.Host("client1")
	_, err = forward(lab, "server", client.Links[0].Address.Addr())
	require.EqualError(t, err, "server has no route to 10.12.2.10")
}
