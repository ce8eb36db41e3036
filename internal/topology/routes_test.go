package topology_test

import (
	"fmt"
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
		for _, from := range lab.Hosts {
			distance := distances(lab, from.Name)
			for _, to := range lab.Hosts {
				if to.Name != from.Name {
					checkWay(t, lab, from.Name, to, distance)
				}
			}
			checkMinimal(t, from, distance)
		}
	})
}

func checkWay(t *rapid.T, lab *topology.Lab, from string, to topology.Host, distance map[string]int) {
	for _, link := range to.Links {
		hops, err := forward(lab, from, link.Address.Addr())
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
func checkMinimal(t *rapid.T, h topology.Host, distance map[string]int) {
	beyond := len(distance) - len(h.Links)
	gateways := make(map[string]bool)
	for _, r := range h.Routes {
		gateways[r.Gateway.String()] = true
	}
	switch {
	case beyond > 0 && !h.Forwards && len(gateways) == 1:
		require.Len(t, h.Routes, 1, h.Name)
		require.Equal(t, 0, h.Routes[0].Destination.Bits())
	default:
		require.Len(t, h.Routes, beyond, h.Name)
	}
}
