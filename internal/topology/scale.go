package topology

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Where ScaleClients puts new subnets: /28s, which have 14 addresses for a
// gateway, a client and routers, in the /16 around the first client's subnet.
const (
	poolBits   = 16
	blockBits  = 28
	blockSize  = 1 << (32 - blockBits)
	blocks     = 1 << (blockBits - poolBits)
	maxRouters = blockSize - 4 // beside the subnet, its gateway, the client and the broadcast
)

// timePerClient is how much longer a run may take for each client more: several
// times what it takes on a small machine that has nothing else to do.
const timePerClient = 500 * time.Millisecond

// ScaleClients returns the lab with exactly n clients; it does not change lab.
//
// Of a lab with more clients it keeps the first n and takes out, with the
// others, what connected only them. To a lab with fewer it adds copies of the
// first client, each on a subnet of its own that the same routers join: the
// copy of client1 on cafe is client4 on cafe-4, with the same program,
// depends_on and stop signal. The lab's limit grows by half a second for every
// client added.
//
// It is an error to ask for less than one client or for more than the pool of
// addresses has room for, and to add clients to a lab that has none, or whose
// first client is not on exactly one subnet with a router, and one without IPv6.
// A lab with steps of its own has the clients that they name, and no others.
func ScaleClients(lab *Lab, n int) (*Lab, error) {
	scaled := *lab
	scaled.Subnets = slices.Clone(lab.Subnets)
	scaled.Clients = slices.Clone(lab.Clients)
	scaled.Hosts = slices.Clone(lab.Hosts)
	for i := range scaled.Hosts {
		h := &scaled.Hosts[i]
		h.Links, h.Masquerade, h.DependsOn = slices.Clone(h.Links), slices.Clone(h.Masquerade), slices.Clone(h.DependsOn)
		h.ExtraHosts = maps.Clone(h.ExtraHosts)
	}
	var err error
	ownSteps := !reflect.DeepEqual(lab.Steps, DefaultSteps(lab.Hosts))
	switch more := n - len(lab.Clients); {
	case n < 1:
		err = fmt.Errorf("a lab has at least 1")
	case len(lab.Clients) == 0:
		err = fmt.Errorf("the lab names no clients under x-lab, so there is none to copy")
	case more != 0 && ownSteps:
		err = fmt.Errorf("the lab has steps of its own, which name whom they are for; run it as it is")
	case more < 0:
		removeClients(&scaled, n)
	case more > 0:
		err = addClients(&scaled, more)
		scaled.Limit += time.Duration(more) * timePerClient
	}
	if err != nil {
		return nil, fmt.Errorf("scale %s to %d clients: %w", lab.Name, n, err)
	}
	slices.SortFunc(scaled.Subnets, func(a, b Subnet) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(scaled.Hosts, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	for _, h := range scaled.Hosts {
		slices.SortFunc(h.Links, func(a, b Link) int { return strings.Compare(a.Subnet, b.Subnet) })
		slices.Sort(h.Masquerade)
	}
	ComputeRoutes(&scaled)
	NameHosts(&scaled)
	if !ownSteps {
		scaled.Steps = DefaultSteps(scaled.Hosts)
	}
	return &scaled, nil
}

func addClients(lab *Lab, more int) error {
	pattern, ok := lab.Host(lab.Clients[0])
	if !ok || len(pattern.Links) != 1 {
		return fmt.Errorf("its first client, %s, must be on exactly one subnet to be copied", lab.Clients[0])
	}
	client, link := *pattern, pattern.Links[0]
	if link.Address6.IsValid() {
		return fmt.Errorf("its first client, %s, is on a subnet with IPv6, and new subnets have IPv4 only", client.Name)
	}
	subnet, _ := lab.Subnet(link.Subnet)
	network := *subnet
	taken := make(map[string]bool) // names of hosts and of subnets
	var routers []int
	for i, h := range lab.Hosts {
		taken[h.Name] = true
		if h.Forwards && slices.ContainsFunc(h.Links, func(l Link) bool { return l.Subnet == link.Subnet }) {
			routers = append(routers, i)
		}
	}
	for _, s := range lab.Subnets {
		taken[s.Name] = true
	}
	switch {
	case len(routers) == 0:
		return fmt.Errorf("no router is on %s with its first client, %s, so a copy elsewhere would reach nobody", link.Subnet, client.Name)
	case len(routers) > maxRouters:
		return fmt.Errorf("%d routers are on %s, and a new subnet has room for %d", len(routers), link.Subnet, maxRouters)
	}
	pool := netip.PrefixFrom(link.Address.Addr(), poolBits).Masked()
	free := freeBlocks(lab, pool)
	if more > len(free) {
		return fmt.Errorf("the most that fits into %s is %d", pool, len(lab.Clients)+len(free))
	}
	base, number := strings.TrimRight(client.Name, "0123456789"), len(lab.Clients)
	for _, start := range free[:more] {
		for number++; taken[base+strconv.Itoa(number)] || taken[fmt.Sprintf("%s-%d", link.Subnet, number)]; {
			number++
		}
		address := func(offset int) netip.Prefix { return netip.PrefixFrom(plus(start, offset), blockBits) }
		s := network
		s.Name, s.Prefix, s.Gateway = fmt.Sprintf("%s-%d", link.Subnet, number), address(0), address(1).Addr()
		c := client
		c.Name = base + strconv.Itoa(number)
		c.Hostname = c.Name // a name is one host's only
		c.Links = []Link{{Subnet: s.Name, Address: address(2)}}
		c.DependsOn, c.ExtraHosts = slices.Clone(client.DependsOn), maps.Clone(client.ExtraHosts)
		for i, router := range routers {
			r := &lab.Hosts[router]
			r.Links = append(r.Links, Link{Subnet: s.Name, Address: address(blockSize - 2 - i)})
			if slices.Contains(r.Masquerade, link.Subnet) {
				r.Masquerade = append(r.Masquerade, s.Name)
			}
		}
		lab.Subnets, lab.Hosts, lab.Clients = append(lab.Subnets, s), append(lab.Hosts, c), append(lab.Clients, c.Name)
	}
	return nil
}

// freeBlocks are the blocks of the pool that overlap no subnet, in their order.
func freeBlocks(lab *Lab, pool netip.Prefix) []netip.Addr {
	var free []netip.Addr
	for i := range blocks {
		block := netip.PrefixFrom(plus(pool.Addr(), i*blockSize), blockBits)
		if !slices.ContainsFunc(lab.Subnets, func(s Subnet) bool { return s.Prefix.Overlaps(block) }) {
			free = append(free, block.Addr())
		}
	}
	return free
}

func plus(address netip.Addr, n int) netip.Addr {
	a := address.As4()
	binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(a[:])+uint32(n))
	return netip.AddrFrom4(a)
}

// removeClients leaves the first n clients. It takes out the subnets of the
// others on which only one router is left, and the routers that are then left
// with nothing to connect.
func removeClients(lab *Lab, n int) {
	removed := make(map[string]bool)
	for _, name := range lab.Clients[n:] {
		removed[name] = true
	}
	theirs, left := make(map[string]bool), make(map[string]int) // by subnet
	for _, h := range lab.Hosts {
		for _, link := range h.Links {
			switch {
			case removed[h.Name]:
				theirs[link.Subnet] = true
			case h.Forwards:
				left[link.Subnet]++
			default:
				left[link.Subnet] += 2
			}
		}
	}
	gone := func(subnet string) bool { return theirs[subnet] && left[subnet] < 2 }
	for i := range lab.Hosts {
		h := &lab.Hosts[i]
		h.Links = slices.DeleteFunc(h.Links, func(l Link) bool { return gone(l.Subnet) })
		h.Masquerade = slices.DeleteFunc(h.Masquerade, gone)
		if h.Forwards && len(h.Links) < 2 && len(h.Program) == 0 && !slices.Contains(lab.Clients[:n], h.Name) {
			removed[h.Name] = true
		}
	}
	lab.Clients = lab.Clients[:n]
	lab.Subnets = slices.DeleteFunc(lab.Subnets, func(s Subnet) bool { return gone(s.Name) })
	lab.Hosts = slices.DeleteFunc(lab.Hosts, func(h Host) bool { return removed[h.Name] })
	for i := range lab.Hosts {
		h := &lab.Hosts[i]
		h.DependsOn = slices.DeleteFunc(h.DependsOn, func(name string) bool { return removed[name] })
		maps.DeleteFunc(h.ExtraHosts, func(name string, _ []netip.Addr) bool { return removed[name] })
	}
}
