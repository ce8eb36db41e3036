package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A member is a host's link on a subnet.
type member struct {
	host    *topology.Host
	link    int // its number among the host's links
	address netip.Addr
	// address6 is not valid where the host has no IPv6 address.
	address6 netip.Addr
	mac      net.HardwareAddr
	// known says that all other members know this one's MAC address: it is a
	// router, or others depend on it.
	known bool
}

// membersOf returns each subnet's members, in the order of the hosts. It is an
// error if the lab asks for what a host in a namespace cannot have.
func membersOf(l *topology.Lab) (map[string][]member, error) {
	members := make(map[string][]member, len(l.Subnets))
	for _, s := range l.Subnets {
		members[s.Name] = nil
	}
	needed := make(map[string]bool)
	for _, h := range l.Hosts {
		for _, on := range h.DependsOn {
			needed[on] = true
		}
	}
	for i := range l.Hosts {
		h := &l.Hosts[i]
		for key := range h.Sysctls {
			if !sysctlName.MatchString(key) {
				return nil, fmt.Errorf("sysctl %q of %s: a host has its own net.* and nothing else", key, h.Name)
			}
		}
		for j, link := range h.Links {
			m := member{host: h, link: j, address: link.Address.Addr(), address6: link.Address6.Addr(), known: h.Forwards || needed[h.Name]}
			if _, ok := members[link.Subnet]; !ok {
				return nil, fmt.Errorf("%s: there is no subnet %s", h.Name, link.Subnet)
			}
			if !m.address.Is4() {
				return nil, fmt.Errorf("%s on %s: %s is no IPv4 address", h.Name, link.Subnet, link.Address)
			}
			if m.address6.IsValid() && (!m.address6.Is6() || m.address6.Is4In6()) {
				return nil, fmt.Errorf("%s on %s: %s is no IPv6 address", h.Name, link.Subnet, link.Address6)
			}
			var err error
			if m.mac, err = hardwareAddress(link); err != nil {
				return nil, fmt.Errorf("%s on %s: %w", h.Name, link.Subnet, err)
			}
			members[link.Subnet] = append(members[link.Subnet], m)
		}
	}
	return members, nil
}

// hardwareAddress is the link's MAC address: the one that was asked for, else
// 02:42 and the IPv4 address, as in Docker's networks.
func hardwareAddress(l topology.Link) (net.HardwareAddr, error) {
	if l.MAC == "" {
		a := l.Address.Addr().As4()
		return net.HardwareAddr{0x02, 0x42, a[0], a[1], a[2], a[3]}, nil
	}
	mac, err := net.ParseMAC(l.MAC)
	if err != nil {
		return nil, err
	}
	if len(mac) != 6 {
		return nil, errors.New("address " + l.MAC + ": not an Ethernet address")
	}
	return mac, nil
}

// allKnow is up to how many members of a subnet all know each other: the
// number of entries grows with its square.
const allKnow = 32

// neighbours are the members of a subnet whose MAC addresses m is given.
func neighbours(members []member, m member) []member {
	var all []member
	for _, other := range members {
		if other.address != m.address && (len(members) <= allKnow || m.known || other.known) {
			all = append(all, other)
		}
	}
	return all
}

// interfaceName is the name of a host's interface on its i-th link.
func interfaceName(i int) string { return fmt.Sprintf("eth%d", i) }
