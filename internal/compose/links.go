package compose

import (
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// links reads the networks that a service is on.
func (b *builder) links(s types.ServiceConfig) []Link {
	at := serviceKey(s.Name)
	switch {
	case s.NetworkMode != "":
		b.add(at.to("network_mode"), "a host has its own network stack; remove %q and put it on networks", s.NetworkMode)
		return nil
	case len(s.Networks) == 0:
		b.add(at, "it is on no network, and Compose would put it on one without a subnet; put it on a network with a subnet, or write network_mode: none")
		return nil
	}
	var links []Link
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

func (b *builder) link(host, network string, config *types.ServiceNetworkConfig) (Link, bool) {
	at := serviceKey(host).to("networks", network)
	if config == nil || config.Ipv4Address == "" {
		b.add(at, "it needs an ipv4_address, as the evidence tells hosts and interfaces apart by address")
		return Link{}, false
	}
	prefix, ok := b.prefixes[network]
	if !ok {
		return Link{}, false // the network's own problem
	}
	address, ok := b.readAddress(config.Ipv4Address, prefix, at.to("ipv4_address"))
	if !ok {
		return Link{}, false
	}
	if _, taken := b.reserved[address]; taken {
		b.add(at.to("ipv4_address"), "%s is the subnet's gateway, which Docker's bridge takes; use another", address)
	}
	if other, taken := b.owners[address]; taken {
		b.add(at.to("ipv4_address"), "%s has the address %s already", other, address)
	}
	b.owners[address] = host
	return Link{Subnet: network, Address: netip.PrefixFrom(address, prefix.Bits()), MAC: b.mac(host, network, config.MacAddress)}, true
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
