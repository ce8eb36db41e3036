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

// longestPrefix leaves a subnet two hosts beside Docker's bridge.
const longestPrefix = 30

// readSubnets reads the networks.
func (b *builder) readSubnets(lab *topology.Lab) {
	for _, name := range slices.Sorted(maps.Keys(b.project.Networks)) {
		at, network := networkKey(name), b.project.Networks[name]
		checkName(name, at, b.report)
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
			if subnet.Prefix.Overlaps(other.Prefix) {
				b.add(at.to("ipam", "config", "[0]", "subnet"), "%s overlaps %s of the network %s", subnet.Prefix, other.Prefix, other.Name)
				break
			}
		}
		lab.Subnets, b.subnets[name] = append(lab.Subnets, subnet), subnet
	}
}

// driverOptions are those that are the lab's own, and not those of all labs; nil if there are none.
func driverOptions(network types.NetworkConfig) map[string]string {
	own := maps.Clone(network.DriverOpts)
	maps.DeleteFunc(own, func(name, _ string) bool { return run.Routed[name] != "" })
	if len(own) == 0 {
		return nil
	}
	return own
}

// subnet reads a network's one subnet and its gateway, which without a word is,
// for Docker, the first address.
func (b *builder) subnet(name string, network types.NetworkConfig) (s topology.Subnet, ok bool) {
	at := networkKey(name).to("ipam", "config")
	if network.External {
		return s, false // refused as a whole
	}
	if len(network.Ipam.Config) != 1 || network.Ipam.Config[0] == nil || network.Ipam.Config[0].Subnet == "" {
		b.add(at, "a network of a lab has exactly one subnet: ipam: {config: [{subnet: 10.12.0.0/24}]}")
		return s, false
	}
	config := network.Ipam.Config[0]
	s = topology.Subnet{Name: name, DriverOptions: driverOptions(network)}
	if s.Prefix, ok = b.readPrefix(config.Subnet, at.to("[0]", "subnet")); !ok {
		return s, false
	}
	s.Gateway = s.Prefix.Addr().Next()
	if config.Gateway != "" {
		s.Gateway, ok = b.readAddress(config.Gateway, s.Prefix, at.to("[0]", "gateway"))
	}
	return s, ok
}

func (b *builder) readPrefix(text string, k key) (netip.Prefix, bool) {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		b.add(k, "%q is no subnet; write one such as 10.12.0.0/24", text)
	case !prefix.Addr().Is4():
		b.add(k, "%s is IPv6, and a lab is IPv4 only", prefix)
	case prefix != prefix.Masked():
		b.add(k, "%s has bits set behind its length; it should be %s", prefix, prefix.Masked())
	case prefix.Bits() > longestPrefix:
		b.add(k, "%s has no room for hosts; its length may be /%d at the most", prefix, longestPrefix)
	case !prefix.Addr().IsGlobalUnicast():
		b.add(k, "%s is not for hosts' addresses (RFC 6890); use one of 10.0.0.0/8", prefix)
	default:
		return prefix, true
	}
	return netip.Prefix{}, false
}

// readAddress reads an address that an interface on the subnet can have.
func (b *builder) readAddress(text string, prefix netip.Prefix, k key) (netip.Addr, bool) {
	address, err := netip.ParseAddr(text)
	switch {
	case err != nil || !address.Is4():
		b.add(k, "%q is no IPv4 address; write one such as %s", text, prefix.Addr().Next().Next())
	case !prefix.Contains(address):
		b.add(k, "%s is not in the subnet %s", address, prefix)
	case address == prefix.Addr() || !prefix.Contains(address.Next()):
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
			b.add(at.to("networks", name), "no network is called %q", name)
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
	address, ok := b.readAddress(config.Ipv4Address, subnet.Prefix, at.to("ipv4_address"))
	if !ok {
		return topology.Link{}, false
	}
	if address == subnet.Gateway {
		b.add(at.to("ipv4_address"), "%s is the subnet's gateway, which Docker's bridge takes; use another", address)
	}
	if other, taken := b.owners[address]; taken {
		b.add(at.to("ipv4_address"), "%s has the address %s already", other, address)
	}
	b.owners[address] = host
	link := topology.Link{Subnet: network, Address: netip.PrefixFrom(address, subnet.Prefix.Bits())}
	if config.MacAddress != "" {
		mac, err := net.ParseMAC(config.MacAddress)
		if err != nil || len(mac) != 6 {
			b.add(at.to("mac_address"), "%q is no Ethernet address; write one such as 02:42:0a:0c:00:0a", config.MacAddress)
		}
		link.MAC = mac.String()
	}
	return link, true
}
