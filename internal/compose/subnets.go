package compose

import (
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// readSubnets reads the networks.
func (b *builder) readSubnets(lab *topology.Lab) {
	for _, name := range slices.Sorted(maps.Keys(b.project.Networks)) {
		at, network := networkKey(name), b.project.Networks[name]
		checkName(name, func(format string, args ...any) { b.addName(at, format, args...) })
		if network.Driver != "" && network.Driver != "bridge" {
			b.add(at.to("driver"), "a subnet is a bridge; remove %q", network.Driver)
		}
		if _, ok := network.Extensions[labKey]; ok {
			b.add(at.to(labKey), "it has a meaning in services and at the top only; remove it")
		}
		subnet, ok := b.subnet(name, network)
		if !ok {
			continue
		}
		for _, other := range lab.Subnets {
			mine, its := subnet.Prefix, other.Prefix
			if subnet.Prefix6.Overlaps(other.Prefix6) {
				mine, its = subnet.Prefix6, other.Prefix6
			}
			if mine.Overlaps(its) {
				i := slices.IndexFunc(network.Ipam.Config, func(c *types.IPAMPool) bool { return c.Subnet == mine.String() })
				b.add(at.to("ipam", "config", index(i), "subnet"), "%s overlaps %s of the network %s", mine, its, other.Name)
				break
			}
		}
		lab.Subnets, b.subnets[name] = append(lab.Subnets, subnet), subnet
	}
}

// driverOptions are those that are the lab's own, and not those of all labs; nil if there are none.
func driverOptions(network types.NetworkConfig) map[string]string {
	own := maps.Clone(network.DriverOpts)
	maps.DeleteFunc(own, func(name, _ string) bool { return run.Routed[name]+run.Routed6[name] != "" })
	if len(own) == 0 {
		return nil
	}
	return own
}

// subnetsExample is how a network's subnets are written.
const subnetsExample = "ipam: {config: [{subnet: 10.12.0.0/24}]}, or with IPv6 as well [{subnet: 10.12.0.0/24}, {subnet: 'fd12::/64'}]"

// subnet reads a network's one IPv4 subnet, the IPv6 one beside it, and their
// gateways, which without a word are, for Docker, the first addresses.
func (b *builder) subnet(name string, network types.NetworkConfig) (s topology.Subnet, ok bool) {
	at := networkKey(name).to("ipam", "config")
	if network.External {
		return s, false // refused as a whole
	}
	s = topology.Subnet{Name: name, DriverOptions: driverOptions(network)}
	ok = true
	for i, config := range network.Ipam.Config {
		if config == nil || config.Subnet == "" {
			b.add(at.to(index(i)), "it is no subnet; write %s", subnetsExample)
			return s, false
		}
		prefix, valid := b.readPrefix(config.Subnet, at.to(index(i), "subnet"))
		if !valid {
			return s, false
		}
		gateway := prefix.Addr().Next()
		if config.Gateway != "" {
			gateway, valid = b.readAddress(config.Gateway, prefix, at.to(index(i), "gateway"))
			ok = ok && valid
		}
		own, ownGateway := &s.Prefix, &s.Gateway
		if prefix.Addr().Is6() {
			own, ownGateway = &s.Prefix6, &s.Gateway6
		}
		if own.IsValid() {
			b.add(at.to(index(i), "subnet"), "the network has the subnet %s already; give each subnet a network of its own", own)
			return s, false
		}
		*own, *ownGateway = prefix, gateway
	}
	if !s.Prefix.IsValid() {
		b.add(at, "a network of a lab has an IPv4 subnet: %s", subnetsExample)
		return s, false
	}
	if enabled := network.EnableIPv6 != nil && *network.EnableIPv6; enabled != s.Prefix6.IsValid() {
		if enabled {
			b.add(networkKey(name).to("enable_ipv6"), "there is no IPv6 subnet; write %s", subnetsExample)
		} else {
			b.add(networkKey(name), "it has the IPv6 subnet %s, so Docker wants enable_ipv6: true beside ipam", s.Prefix6)
		}
	}
	return s, ok
}

// longest is the longest prefix that leaves a subnet two hosts beside Docker's
// bridge.
func longest(address netip.Addr) int { return address.BitLen() - 2 }

func (b *builder) readPrefix(text string, k key) (netip.Prefix, bool) {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil || prefix.Addr().Is4In6():
		b.add(k, "%q is no subnet; write one such as 10.12.0.0/24", text)
	case prefix != prefix.Masked():
		b.add(k, "%s has bits set behind its length; it should be %s", prefix, prefix.Masked())
	case prefix.Bits() > longest(prefix.Addr()):
		b.add(k, "%s has no room for hosts; its length may be /%d at the most", prefix, longest(prefix.Addr()))
	case !prefix.Addr().IsGlobalUnicast() && prefix.Addr().Is6():
		b.add(k, "%s is not for hosts' addresses (RFC 6890); use one of fd00::/8", prefix)
	case !prefix.Addr().IsGlobalUnicast():
		b.add(k, "%s is not for hosts' addresses (RFC 6890); use one of 10.0.0.0/8", prefix)
	default:
		return prefix, true
	}
	return netip.Prefix{}, false
}

// readAddress reads an address that an interface on the subnet can have.
func (b *builder) readAddress(text string, prefix netip.Prefix, k key) (netip.Addr, bool) {
	family := "IPv4"
	if prefix.Addr().Is6() {
		family = "IPv6"
	}
	address, err := netip.ParseAddr(text)
	switch {
	case err != nil || address.Is4() != prefix.Addr().Is4() || address.Zone() != "":
		b.add(k, "%q is no %s address; write one such as %s", text, family, prefix.Addr().Next().Next())
	case !prefix.Contains(address):
		b.add(k, "%s is not in the subnet %s", address, prefix)
	case address == prefix.Addr() && address.Is6():
		b.add(k, "%s is the first address of %s, which means its routers (RFC 4291)", address, prefix)
	case address == prefix.Addr() || address.Is4() && !prefix.Contains(address.Next()):
		b.add(k, "%s is the first or the last address of %s, and those are no host's (RFC 919)", address, prefix)
	default:
		return address, true
	}
	return netip.Addr{}, false
}

// links reads the networks that a service is on.
func (b *builder) links(s types.ServiceConfig) []topology.Link {
	at := serviceKey(s.Name)
	switch {
	case s.NetworkMode != "":
		b.add(at.to("network_mode"), "a host has its own network stack; remove %q and put it on networks", s.NetworkMode)
		return nil
	case len(s.Networks) == 0:
		b.add(at, "it is on no network, and Compose would put it on one without a subnet; put it on a network with a subnet, or write network_mode: none")
		return nil
	}
	var links []topology.Link
	for _, name := range slices.Sorted(maps.Keys(s.Networks)) {
		if _, ok := b.project.Networks[name]; !ok {
			b.add(at.to("networks", name), "no network is called %q%s", name, suggest(name, b.project.Networks))
			continue
		}
		if link, ok := b.link(s.Name, name, s.Networks[name]); ok {
			links = append(links, link)
		}
	}
	return links
}

func (b *builder) link(host, network string, config *types.ServiceNetworkConfig) (topology.Link, bool) {
	at := serviceKey(host).to("networks", network)
	if config == nil || config.Ipv4Address == "" {
		b.add(at, "it needs an ipv4_address, as the evidence tells hosts and interfaces apart by address")
		return topology.Link{}, false
	}
	subnet, ok := b.subnets[network]
	if !ok {
		return topology.Link{}, false // the network's own problem
	}
	link := topology.Link{Subnet: network}
	if link.Address, ok = b.take(host, config.Ipv4Address, subnet.Prefix, subnet.Gateway, at.to("ipv4_address")); !ok {
		return link, false
	}
	switch {
	case config.Ipv6Address == "" && subnet.Prefix6.IsValid():
		b.add(at, "it needs an ipv6_address as well, as the network has %s, and Docker would choose one", subnet.Prefix6)
	case config.Ipv6Address != "" && !subnet.Prefix6.IsValid():
		b.add(at.to("ipv6_address"), "the network %s has no IPv6 subnet; give it one and enable_ipv6: true, or remove this", network)
	case config.Ipv6Address != "":
		if link.Address6, ok = b.take(host, config.Ipv6Address, subnet.Prefix6, subnet.Gateway6, at.to("ipv6_address")); !ok {
			return link, false
		}
	}
	if config.MacAddress != "" {
		mac, err := net.ParseMAC(config.MacAddress)
		if err != nil || len(mac) != 6 {
			b.add(at.to("mac_address"), "%q is no Ethernet address; write one such as 02:42:0a:0c:00:0a", config.MacAddress)
		}
		link.MAC = mac.String()
	}
	return link, true
}

// take reads an address of a host on a subnet, which nobody else may have.
func (b *builder) take(host, text string, prefix netip.Prefix, gateway netip.Addr, at key) (netip.Prefix, bool) {
	address, ok := b.readAddress(text, prefix, at)
	if !ok {
		return netip.Prefix{}, false
	}
	if address == gateway {
		b.add(at, "%s is the subnet's gateway, which Docker's bridge takes; use another", address)
	}
	if other, taken := b.owners[address]; taken {
		b.add(at, "%s has the address %s already", other, address)
	}
	b.owners[address] = host
	return netip.PrefixFrom(address, prefix.Bits()), true
}
