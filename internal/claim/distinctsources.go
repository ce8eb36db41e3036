package claim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func distinctSourcesText(lab *topology.Lab) string {
	n := len(lab.Clients)
	return fmt.Sprintf("%s from %s on %s, each with its own port",
		count(n, "connection comes", "connections come"),
		count(n, "source address", "different source addresses"),
		count(n, "subnet", "different subnets"))
}

// distinctSources looks at the sources that the server sees, which are the
// translated ones where a router translates.
func distinctSources(c *cases) (Outcome, string) {
	var certain []netip.AddrPort
	for i := range c.connections {
		if cc := &c.connections[i]; c.accepted(cc) {
			certain = append(certain, cc.AtServer().Source)
		}
	}
	if why := c.sameSource(certain); why != "" {
		return Refuted, why
	}
	if len(certain) > len(c.lab.Clients) {
		return Refuted, fmt.Sprintf("the server saw %s, not %d", count(len(certain), "connection", "connections"), len(c.lab.Clients))
	}
	if gap := c.gap("server.packets", "server.sockets", "server.program"); gap != "" {
		return NotShown, gap
	}
	var sources []string
	for _, source := range certain {
		subnet := c.subnetOf(source.Addr())
		if subnet == "" {
			return NotShown, fmt.Sprintf("the source %s is on no subnet of the lab", source)
		}
		sources = append(sources, fmt.Sprintf("%s (%s)", source, subnet))
	}
	return Holds, "the server saw " + strings.Join(sources, ", ")
}

// sameSource finds connections that share a source address or a subnet.
func (c *cases) sameSource(sources []netip.AddrPort) string {
	var addresses []netip.Addr
	var subnets []string
	for _, source := range sources {
		addresses = append(addresses, source.Addr())
		if subnet := c.subnetOf(source.Addr()); subnet != "" {
			subnets = append(subnets, subnet)
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	if distinct := slices.Compact(slices.Clone(addresses)); len(distinct) < len(addresses) {
		return fmt.Sprintf("the server saw %s, %s, for %s", count(len(distinct), "source address", "source addresses"),
			list(distinct), count(len(sources), "connection", "connections"))
	}
	slices.Sort(subnets)
	if distinct := slices.Compact(slices.Clone(subnets)); len(distinct) < len(subnets) {
		return fmt.Sprintf("the sources of %s are on %s, %s", count(len(sources), "connection", "connections"),
			count(len(distinct), "subnet", "subnets"), strings.Join(distinct, ", "))
	}
	return ""
}

func (c *cases) subnetOf(a netip.Addr) string {
	for _, s := range c.lab.Subnets {
		if s.Prefix.Contains(a) {
			return s.Name
		}
	}
	return ""
}

func list(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}
