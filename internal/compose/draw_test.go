package compose_test

import (
	"fmt"
	"net/netip"
	"strings"

	"pgregory.net/rapid"
)

// A sketch is a lab in few words, from which text makes a Compose file.
type sketch struct {
	subnets []string
	hosts   []sketchedHost
	lab     string // lines for x-lab
}

type sketchedHost struct {
	name    string
	on      []int // subnets, by number
	address int   // the last byte on each of them
	router  bool
	extra   string // further lines
}

// network is 10.12.N.0/24 for the subnet N.
func network(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 12, byte(n), 0}), 24)
}

func (h sketchedHost) at(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 12, byte(n), byte(h.address)})
}

func (s sketch) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "x-lab:\n  name: sketch\n%sservices:\n", s.lab)
	for _, h := range s.hosts {
		fmt.Fprintf(&text, "  %s:\n    image: i\n%s", h.name, h.extra)
		if h.router {
			text.WriteString("    sysctls: {net.ipv4.ip_forward: 1}\n")
		}
		text.WriteString("    networks:\n")
		for _, n := range h.on {
			fmt.Fprintf(&text, "      %s: {ipv4_address: %s}\n", s.subnets[n], h.at(n))
		}
	}
	text.WriteString("networks:\n")
	for n, name := range s.subnets {
		fmt.Fprintf(&text, "  %s: {ipam: {config: [{subnet: %s}]}}\n", name, network(n))
	}
	return text.String()
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
	return s
}
