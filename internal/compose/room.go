package compose

import (
	"encoding/binary"
	"net/netip"
)

// Where Widen puts new subnets: /28s, which have 14 addresses for a gateway,
// a client and routers, in the /16 around a subnet that is there.
const (
	roomBits = 16
	newBits  = 28
	newSize  = 1 << (32 - newBits)
	newCount = 1 << (newBits - roomBits)
)

// around is the /16 in which the address is.
func around(address netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(address.Addr(), roomBits).Masked()
}

// A freeSubnet has addresses that no subnet of the lab has.
type freeSubnet struct{ prefix netip.Prefix }

// client is the first address after the gateway's.
func (s freeSubnet) client() netip.Addr { return plus(s.prefix.Addr(), 2) }

// router is the last address for a host, and downwards for further routers.
func (s freeSubnet) router(i int) netip.Addr { return plus(s.prefix.Addr(), newSize-2-i) }

// maxRouters is how many addresses the gateway and the client leave.
func maxRouters() int { return newSize - 4 }

func plus(address netip.Addr, n int) netip.Addr {
	bytes := address.As4()
	binary.BigEndian.PutUint32(bytes[:], binary.BigEndian.Uint32(bytes[:])+uint32(n))
	return netip.AddrFrom4(bytes)
}

// freeSubnets are all the new subnets that there is room for, from below.
func freeSubnets(l *Lab, address netip.Prefix) []freeSubnet {
	room := around(address)
	var taken [newCount]bool
	for _, s := range l.Subnets {
		if !s.Prefix.Overlaps(room) {
			continue
		}
		first, last := slot(room, s.Prefix.Addr()), slot(room, lastAddress(s.Prefix))
		for i := first; i <= last; i++ {
			taken[i] = true
		}
	}
	var free []freeSubnet
	for i := range newCount {
		if !taken[i] {
			free = append(free, freeSubnet{netip.PrefixFrom(plus(room.Addr(), i*newSize), newBits)})
		}
	}
	return free
}

// slot numbers the /28s of the room; addresses outside of it count as its
// first or last.
func slot(room netip.Prefix, address netip.Addr) int {
	switch {
	case address.Less(room.Addr()):
		return 0
	case !room.Contains(address):
		return newCount - 1
	}
	from, to := room.Addr().As4(), address.As4()
	return int(binary.BigEndian.Uint32(to[:])-binary.BigEndian.Uint32(from[:])) / newSize
}
