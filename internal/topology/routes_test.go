package topology_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func routes(t *testing.T, lab *topology.Lab, host string) []string {
	t.Helper()
	h, ok := lab.Host(host)
	require.True(t, ok)
	var texts []string
	for _, r := range h.Routes {
		texts = append(texts, fmt.Sprintf("%s via %s", r.Destination, r.Gateway))
	}
	return texts
}

// Two routers in a row:
//
//	client ── a ── r1 ── b ── r2 ── c ── server
func TestRoutesOverAChain(t *testing.T) {
	lab := sketch{
		subnets: []string{"a", "b", "c"},
		hosts: []sketchedHost{
			{name: "client", on: []int{0}, address: 10},
			{name: "r1", on: []int{0, 1}, address: 20, router: true},
			{name: "r2", on: []int{1, 2}, address: 30, router: true},
			{name: "server", on: []int{2}, address: 40},
		},
	}.lab()
	assert.Equal(t, []string{"0.0.0.0/0 via 10.12.0.20"}, routes(t, lab, "client"))
	assert.Equal(t, []string{"10.12.2.0/24 via 10.12.1.30"}, routes(t, lab, "r1"))
	assert.Equal(t, []string{"10.12.0.0/24 via 10.12.1.20"}, routes(t, lab, "r2"))
	assert.Equal(t, []string{"0.0.0.0/0 via 10.12.2.30"}, routes(t, lab, "server"))
}

// Two equal ways, and a host with two doors:
//
//	     ┌─ r1 ─┐
//	a ───┤      ├── b ── r3 ── c
//	     └─ r2 ─┘             (both is on a and on c)
func TestRoutesWithEqualWaysAndTwoDoors(t *testing.T) {
	lab := sketch{
		subnets: []string{"a", "b", "c", "d"},
		hosts: []sketchedHost{
			{name: "host", on: []int{0}, address: 10},
			{name: "both", on: []int{2, 0}, address: 11},
			{name: "r2", on: []int{0, 1}, address: 22, router: true},
			{name: "r1", on: []int{1, 0}, address: 21, router: true},
			{name: "r3", on: []int{1, 2, 3}, address: 23, router: true},
		},
	}.lab()
	assert.Equal(t, []string{"0.0.0.0/0 via 10.12.0.21"}, routes(t, lab, "host"), "r1 is before r2")
	assert.Equal(t, []string{"10.12.1.0/24 via 10.12.0.21", "10.12.3.0/24 via 10.12.2.23"}, routes(t, lab, "both"))
	assert.Equal(t, []string{"10.12.0.0/24 via 10.12.1.21"}, routes(t, lab, "r3"))
}

// IPv6 takes the ways that have it:
//
//	     ┌─ r1 (IPv4 only) ─┐
//	a ───┤                  ├── b ── server
//	     └─ r2 ─────────────┘
func TestRoutesOfIPv6(t *testing.T) {
	lab := sketch{
		subnets: []string{"a", "b"}, ipv6: []string{"a", "b"},
		hosts: []sketchedHost{
			{name: "host", on: []int{0}, address: 10},
			{name: "r1", on: []int{0, 1}, address: 21, router: true, only4: true},
			{name: "r2", on: []int{0, 1}, address: 22, router: true},
			{name: "server", on: []int{1}, address: 11},
		},
	}.lab()
	assert.Equal(t, []string{"0.0.0.0/0 via 10.12.0.21", "::/0 via fd12::16"}, routes(t, lab, "host"))
	assert.Equal(t, []string{"0.0.0.0/0 via 10.12.1.21", "::/0 via fd12:0:0:1::16"}, routes(t, lab, "server"))
	assert.Empty(t, routes(t, lab, "r2"))
}

// Nobody forwards: a host with two doors is no router.
func TestRoutesWithoutRouters(t *testing.T) {
	lab := sketch{
		subnets: []string{"a", "b"},
		hosts: []sketchedHost{
			{name: "left", on: []int{0}, address: 10},
			{name: "door", on: []int{0, 1}, address: 11},
			{name: "right", on: []int{1}, address: 12},
		},
	}.lab()
	for _, h := range lab.Hosts {
		assert.Empty(t, h.Routes, h.Name)
	}
}

// On any topology a packet arrives where routers lead, over as few of them as
// can be, and nowhere else.
func TestRoutesLeadWhereverRoutersDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lab := drawSketch(t).lab()
		for _, address := range []func(topology.Link) netip.Prefix{
			func(l topology.Link) netip.Prefix { return l.Address },
			func(l topology.Link) netip.Prefix { return l.Address6 },
		} {
			for _, from := range lab.Hosts {
				distance := distances(lab, from.Name, address)
				for _, to := range lab.Hosts {
					if to.Name != from.Name {
						checkWay(t, lab, from.Name, to, distance, address)
					}
				}
				checkMinimal(t, from, distance, address)
			}
		}
	})
}

func checkWay(t *rapid.T, lab *topology.Lab, from string, to topology.Host, distance map[string]int, address func(topology.Link) netip.Prefix) {
	for _, link := range to.Links {
		if !address(link).IsValid() {
			continue
		}
		hops, err := forward(lab, from, address(link).Addr())
		want, reachable := distance[link.Subnet]
		if !reachable {
			require.Error(t, err, "%s reaches %s on %s, where no router leads", from, to.Name, link.Subnet)
			continue
		}
		require.NoError(t, err, "%s to %s on %s", from, to.Name, link.Subnet)
		// The address may be a router's that is met on the way to its subnet.
		require.LessOrEqual(t, hops, want, "%s to %s on %s", from, to.Name, link.Subnet)
		if !to.Forwards {
			require.Equal(t, want, hops, "%s to %s on %s", from, to.Name, link.Subnet)
		}
	}
}

// checkMinimal wants no more than a route for each subnet beyond the links,
// and one for all of them where they go the same way.
func checkMinimal(t *rapid.T, h topology.Host, distance map[string]int, address func(topology.Link) netip.Prefix) {
	beyond, is6 := len(distance), false
	for _, link := range h.Links {
		if address(link).IsValid() {
			beyond--
			is6 = address(link).Addr().Is6()
		}
	}
	gateways := make(map[string]bool)
	var routes []topology.Route
	for _, r := range h.Routes {
		if r.Destination.Addr().Is6() == is6 {
			routes = append(routes, r)
			gateways[r.Gateway.String()] = true
		}
	}
	switch {
	case len(distance) == 0: // it has no address of the family
	case beyond > 0 && !h.Forwards && len(gateways) == 1:
		require.Len(t, routes, 1, h.Name)
		require.Equal(t, 0, routes[0].Destination.Bits())
	default:
		require.Len(t, routes, beyond, h.Name)
	}
}
