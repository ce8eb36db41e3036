package compose

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// The lengths that a subnet's prefix may have: two hosts beside Docker's
// bridge at the least.
const (
	shortestPrefix = 8
	longestPrefix  = 30
)

// subnets reads the networks.
func (b *builder) subnets(lab *topology.Lab) {
	names := slices.Sorted(maps.Keys(b.project.Networks))
	for _, name := range names {
		checkName(name, networkKey(name), b.report)
		network := b.project.Networks[name]
		b.checkDriver(name, network)
		if _, ok := network.Extensions[labKey]; ok {
			b.add(networkKey(name).to(labKey), "it has a meaning in services and at the top only; remove it")
		}
		subnet := topology.Subnet{Name: name, DriverOptions: driverOptions(network)}
		subnet.Prefix, subnet.Gateway = b.prefix(name, network)
		lab.Subnets = append(lab.Subnets, subnet)
	}
	b.checkOverlaps(lab.Subnets)
}

// routed are the options that every engine with Docker's bridges sets, whatever
// a lab says.
var routed = map[string]string{
	"com.docker.network.bridge.gateway_mode_ipv4":    "routed",
	"com.docker.network.bridge.enable_ip_masquerade": "false",
}

// driverOptions are those that are the lab's own; nil if there are none.
func driverOptions(network types.NetworkConfig) map[string]string {
	own := maps.Clone(network.DriverOpts)
	maps.DeleteFunc(own, func(name, value string) bool { return routed[name] == value })
	if len(own) == 0 {
		return nil
	}
	return own
}

func (b *builder) checkDriver(name string, network types.NetworkConfig) {
	if network.Driver != "" && network.Driver != "bridge" {
		b.add(networkKey(name).to("driver"), "a subnet is a bridge; remove %q", network.Driver)
	}
	if ipam := network.Ipam.Driver; ipam != "" && ipam != "default" {
		b.add(networkKey(name).to("ipam", "driver"), "every host names its own address; remove %q", ipam)
	}
}

// prefix reads a network's one subnet and its gateway, which without a word
// is, for Docker, the first address.
func (b *builder) prefix(name string, network types.NetworkConfig) (netip.Prefix, netip.Addr) {
	at := networkKey(name).to("ipam", "config")
	if network.External {
		return netip.Prefix{}, netip.Addr{} // refused as a whole
	}
	if len(network.Ipam.Config) != 1 || network.Ipam.Config[0] == nil || network.Ipam.Config[0].Subnet == "" {
		b.add(at, "a network of a lab has exactly one subnet: ipam: {config: [{subnet: 10.12.0.0/24}]}")
		return netip.Prefix{}, netip.Addr{}
	}
	config := network.Ipam.Config[0]
	prefix, ok := b.readPrefix(config.Subnet, at.to("[0]", "subnet"))
	if !ok {
		return netip.Prefix{}, netip.Addr{}
	}
	gateway := prefix.Addr().Next()
	if config.Gateway != "" {
		gateway, ok = b.readAddress(config.Gateway, prefix, at.to("[0]", "gateway"))
		if !ok {
			return netip.Prefix{}, netip.Addr{}
		}
	}
	b.prefixes[name], b.reserved[gateway] = prefix, name
	return prefix, gateway
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
	case prefix.Bits() < shortestPrefix || prefix.Bits() > longestPrefix:
		b.add(k, "the length of %s must be from /%d to /%d", prefix, shortestPrefix, longestPrefix)
	case !forHosts(prefix):
		b.add(k, "%s is not for hosts' addresses (RFC 6890); use one of 10.0.0.0/8", prefix)
	default:
		return prefix, true
	}
	return netip.Prefix{}, false
}

// notForHosts are the blocks whose addresses no interface can have: this
// network, loopback, link-local, multicast and reserved (RFC 6890, RFC 5771).
var notForHosts = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/3"),
}

func forHosts(prefix netip.Prefix) bool {
	return !slices.ContainsFunc(notForHosts, prefix.Overlaps)
}

// readAddress reads an address that an interface on the subnet can have.
func (b *builder) readAddress(text string, prefix netip.Prefix, k key) (netip.Addr, bool) {
	address, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		b.add(k, "%q is no address; write one such as %s", text, prefix.Addr().Next().Next())
	case !address.Is4():
		b.add(k, "%s is IPv6, and a lab is IPv4 only", address)
	case !prefix.Contains(address):
		b.add(k, "%s is not in the subnet %s", address, prefix)
	case address == prefix.Addr():
		b.add(k, "%s is the address of the subnet %s itself", address, prefix)
	case address == lastAddress(prefix):
		b.add(k, "%s is the broadcast address of the subnet %s", address, prefix)
	default:
		return address, true
	}
	return netip.Addr{}, false
}

// lastAddress is a subnet's broadcast address (RFC 919, section 7).
func lastAddress(prefix netip.Prefix) netip.Addr {
	address := prefix.Masked().Addr().As4()
	for bit := prefix.Bits(); bit < 32; bit++ {
		address[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(address)
}

// checkOverlaps wants every address in one subnet at most.
func (b *builder) checkOverlaps(subnets []topology.Subnet) {
	valid := slices.DeleteFunc(slices.Clone(subnets), func(s topology.Subnet) bool { return !s.Prefix.IsValid() })
	slices.SortFunc(valid, func(a, b topology.Subnet) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), cmp.Compare(a.Name, b.Name))
	})
	// Prefixes either contain one another or have nothing in common, so the
	// last one that nothing contains is the only one to compare with.
	for i, widest := 1, 0; i < len(valid); i++ {
		if !valid[widest].Prefix.Overlaps(valid[i].Prefix) {
			widest = i
			continue
		}
		b.add(networkKey(valid[i].Name).to("ipam", "config", "[0]", "subnet"), "%s overlaps %s of the network %s",
			valid[i].Prefix, valid[widest].Prefix, valid[widest].Name)
	}
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
	prefix, ok := b.prefixes[network]
	if !ok {
		return topology.Link{}, false // the network's own problem
	}
	address, ok := b.readAddress(config.Ipv4Address, prefix, at.to("ipv4_address"))
	if !ok {
		return topology.Link{}, false
	}
	if _, taken := b.reserved[address]; taken {
		b.add(at.to("ipv4_address"), "%s is the subnet's gateway, which Docker's bridge takes; use another", address)
	}
	if other, taken := b.owners[address]; taken {
		b.add(at.to("ipv4_address"), "%s has the address %s already", other, address)
	}
	b.owners[address] = host
	return topology.Link{Subnet: network, Address: netip.PrefixFrom(address, prefix.Bits()), MAC: b.mac(host, network, config.MacAddress)}, true
}

// mac reads an Ethernet address of one interface, with colons and lower case.
func (b *builder) mac(host, network, text string) string {
	if text == "" {
		return ""
	}
	at := serviceKey(host).to("networks", network, "mac_address")
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 {
		b.add(at, "%q is no Ethernet address; write one such as 02:42:0a:0c:00:0a", text)
		return ""
	}
	if mac[0]&1 == 1 || slices.Max(mac) == 0 {
		b.add(at, "%s cannot be one interface's; its first byte must be even, and not all may be 0", mac)
	}
	if b.macs[network] == nil {
		b.macs[network] = make(map[string]string)
	}
	if other, taken := b.macs[network][mac.String()]; taken {
		b.add(at, "%s has the Ethernet address %s already", other, mac)
	}
	b.macs[network][mac.String()] = host
	return mac.String()
}
