package compose_test

import (
	"fmt"
	"net/netip"

	"github.com/fourtuple/fourtuple/internal/topology"
)

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
		if at != from && !host.Forwards {
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
	for _, link := range host.Links {
		if link.Address.Masked().Contains(to) {
			return to, true
		}
	}
	for _, route := range host.Routes {
		if route.Destination.Contains(to) && route.Destination.Bits() > longest && isLinked(host, route.Gateway) {
			next, longest = route.Gateway, route.Destination.Bits()
		}
	}
	return next, longest >= 0
}

func isLinked(host *topology.Host, gateway netip.Addr) bool {
	for _, link := range host.Links {
		if link.Address.Masked().Contains(gateway) {
			return true
		}
	}
	return false
}

// distances says of every subnet over how many routers it is reached from the
// host, by a search that has nothing to do with the one under test: it goes
// on until nothing gets shorter.
func distances(lab *topology.Lab, from string) map[string]int {
	distance := make(map[string]int)
	host, _ := lab.Host(from)
	for _, link := range host.Links {
		distance[link.Subnet] = 0
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
					if ok && (!known || near+1 < far) {
						distance[b.Subnet] = near + 1
						changed = true
					}
				}
			}
		}
	}
	return distance
}
