package netns

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// hostsFile is the text of the host's /etc/hosts (hosts(5)): itself, the extra
// hosts that the lab names, and the hosts that it shares a subnet with, which
// Docker's name server knows too.
func (h *Host) hostsFile(hostname string, extra map[string][]netip.Addr) string {
	var text strings.Builder
	line := func(a netip.Addr, name string) { fmt.Fprintf(&text, "%s\t%s\n", a, name) }
	line(netip.AddrFrom4([4]byte{127, 0, 0, 1}), "localhost")
	for _, link := range h.asked.Links {
		line(link.Address.Addr(), hostname)
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		for _, a := range extra[name] {
			line(a, name)
		}
	}
	for _, link := range h.asked.Links {
		for _, other := range h.network.neighbors[link.Subnet] {
			if other.name != h.asked.Name {
				line(other.address, other.name)
			}
		}
	}
	return text.String()
}

// defaultPath is where programs are looked for unless the lab says otherwise.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is what a container would have, and what the lab adds to it.
func environment(hostname string, added []string) []string {
	all := append([]string{"PATH=" + defaultPath, "HOME=/", "HOSTNAME=" + hostname}, added...)
	// What the lab says replaces what a container would have.
	seen := make(map[string]bool)
	kept := make([]string, 0, len(all))
	for _, v := range slices.Backward(all) {
		name, _, _ := strings.Cut(v, "=")
		if !seen[name] {
			seen[name] = true
			kept = append(kept, v)
		}
	}
	slices.Reverse(kept)
	return kept
}
