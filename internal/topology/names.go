package topology

import (
	"net/netip"
	"slices"
)

// mostNamed is how many hosts a lab may have whose hosts know each other by
// name: each has a line for each.
const mostNamed = 100

// NameHosts has every host know the others by their names (ExtraHosts), unless
// the lab gives a name to something else, or has more than 100 hosts. A name's
// addresses are those on a subnet that both are on, if there is one, else those
// on the named host's first subnet.
func NameHosts(lab *Lab) {
	if len(lab.Hosts) > mostNamed {
		return
	}
	for i := range lab.Hosts {
		h := &lab.Hosts[i]
		for j := range lab.Hosts {
			other := &lab.Hosts[j]
			if _, named := h.ExtraHosts[other.Name]; named || i == j || len(other.Links) == 0 {
				continue
			}
			if h.ExtraHosts == nil {
				h.ExtraHosts = make(map[string][]netip.Addr)
			}
			h.ExtraHosts[other.Name] = other.addressesFor(h)
		}
	}
}

// addressesFor are the addresses by which another host calls this one.
func (h *Host) addressesFor(other *Host) []netip.Addr {
	link := h.Links[0]
	for _, l := range h.Links {
		if slices.ContainsFunc(other.Links, func(o Link) bool { return o.Subnet == l.Subnet }) {
			link = l
			break
		}
	}
	addresses := []netip.Addr{link.Address.Addr()}
	if link.Address6.IsValid() {
		addresses = append(addresses, link.Address6.Addr())
	}
	return addresses
}
