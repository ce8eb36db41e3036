package topology

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

// Forwarding6 is the setting that makes a router forward IPv6 as well.
const Forwarding6 = "net.ipv6.conf.all.forwarding"

// A family is what routes need to know of IPv4 or IPv6.
type family struct {
	everywhere netip.Prefix
	prefix     func(*Subnet) netip.Prefix
	address    func(*Link) netip.Prefix // invalid where the link has none
	forwards   func(*Host) bool
}

var families = []family{
	{
		everywhere: netip.PrefixFrom(netip.IPv4Unspecified(), 0),
		prefix:     func(s *Subnet) netip.Prefix { return s.Prefix },
		address:    func(l *Link) netip.Prefix { return l.Address },
		forwards:   func(h *Host) bool { return h.Forwards },
	},
	{
		everywhere: netip.PrefixFrom(netip.IPv6Unspecified(), 0),
		prefix:     func(s *Subnet) netip.Prefix { return s.Prefix6 },
		address:    func(l *Link) netip.Prefix { return l.Address6 },
		forwards:   func(h *Host) bool { return h.Forwards && h.Sysctls[Forwarding6] == "1" },
	},
}

// ComputeRoutes gives every host the routes to what routers connect it to, of
// IPv4 and then of IPv6: by the fewest routers, and of equally short ways by the
// router whose name is first. As every hop is then one router nearer, no packet
// goes in a circle.
func ComputeRoutes(lab *Lab) {
	for i := range lab.Hosts {
		lab.Hosts[i].Routes = nil
	}
	for _, f := range families {
		net := newGraph(lab, f)
		for i := range lab.Hosts {
			lab.Hosts[i].Routes = append(lab.Hosts[i].Routes, net.routes(i)...)
		}
	}
}

// A graph is a lab in numbers, as it is walked once for every host, of one
// family of addresses.
type graph struct {
	family
	lab     *Lab
	links   [][]int // by host: the subnets it is on
	routers [][]int // by subnet: the routers on it, in the order of their names
}

func newGraph(lab *Lab, f family) *graph {
	number := make(map[string]int)
	for i, s := range lab.Subnets {
		number[s.Name] = i
	}
	g := &graph{family: f, lab: lab, links: make([][]int, len(lab.Hosts)), routers: make([][]int, len(lab.Subnets))}
	for i, h := range lab.Hosts {
		for _, link := range h.Links {
			if !f.address(&link).IsValid() {
				continue
			}
			subnet := number[link.Subnet]
			g.links[i] = append(g.links[i], subnet)
			if f.forwards(&h) {
				g.routers[subnet] = append(g.routers[subnet], i)
			}
		}
	}
	return g
}

const (
	unknown = -1
	linked  = -2
)

// firstHops returns for every subnet the router to which the host hands what
// is for it; linked for the host's own subnets, unknown where no way leads.
func (g *graph) firstHops(host int) []int {
	first := slices.Repeat([]int{unknown}, len(g.lab.Subnets))
	for _, subnet := range g.links[host] {
		first[subnet] = linked
	}
	asked := make([]bool, len(g.lab.Hosts))
	asked[host] = true
	for edge := g.links[host]; len(edge) > 0; {
		edge = g.widen(edge, first, asked)
	}
	return first
}

// widen asks the routers at the edge, each once, and returns the subnets that
// they add.
func (g *graph) widen(edge, first []int, asked []bool) (further []int) {
	via := make(map[int]int) // by router: the first hop towards it
	for _, subnet := range edge {
		for _, router := range g.routers[subnet] {
			hop := first[subnet]
			if hop == linked {
				hop = router
			}
			if best, ok := via[router]; !asked[router] && (!ok || hop < best) {
				via[router] = hop
			}
		}
	}
	// In the order of their hops: what several routers add goes by the first.
	order := slices.SortedFunc(maps.Keys(via), func(a, b int) int { return cmp.Compare(via[a], via[b]) })
	for _, router := range order {
		asked[router] = true
		for _, subnet := range g.links[router] {
			if first[subnet] == unknown {
				further = append(further, subnet)
				first[subnet] = via[router]
			}
		}
	}
	return further
}

// routes turns first hops into the shortest table that says the same.
func (g *graph) routes(host int) []Route {
	hops := g.firstHops(host)
	gateways := make(map[int]netip.Addr) // by first hop
	var routes []Route
	for subnet, hop := range hops {
		if hop < 0 {
			continue
		}
		if _, known := gateways[hop]; !known {
			gateways[hop] = g.gateway(host, hop)
		}
		routes = append(routes, Route{Destination: g.prefix(&g.lab.Subnets[subnet]), Gateway: gateways[hop]})
	}
	// A router keeps one route for each subnet: with a default route it would
	// forward, in circles, what is for nobody.
	if len(gateways) == 1 && !g.forwards(&g.lab.Hosts[host]) {
		return []Route{{Destination: g.everywhere, Gateway: routes[0].Gateway}}
	}
	slices.SortFunc(routes, func(a, b Route) int { return a.Destination.Addr().Compare(b.Destination.Addr()) })
	return routes
}

// gateway is the router's address on the first subnet that both are on.
func (g *graph) gateway(host, router int) netip.Addr {
	for _, own := range g.lab.Hosts[host].Links {
		for _, link := range g.lab.Hosts[router].Links {
			if link.Subnet == own.Subnet && g.address(&own).IsValid() && g.address(&link).IsValid() {
				return g.address(&link).Addr()
			}
		}
	}
	panic("topology: a first hop is on none of its host's subnets")
}
