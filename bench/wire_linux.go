package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/engine/netns"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// wireOurs makes a star once and takes it down. It is up when Build returns,
// for then every link carries; it is down when the kernel has removed the
// links, which is later than Close returns.
func wireOurs(subnets int) func(context.Context) (cost, error) {
	return func(ctx context.Context) (cost, error) {
		start := time.Now()
		n, err := netns.Build(ctx, star(subnets), nil)
		if err != nil {
			return cost{}, err
		}
		up := time.Since(start)
		// The kernel takes namespaces down one after another: when a link is gone
		// whose other end was in a network that was closed later, all are gone.
		last, err := netns.Build(ctx, star(1), nil)
		if err != nil {
			return cost{}, errors.Join(err, n.Close())
		}
		var links *netlink.Handle // keeps the namespace that it is of
		err = last.Host("h000").Do(func() (err error) {
			links, err = netlink.NewHandle(unix.NETLINK_ROUTE)
			return err
		})
		if err != nil {
			return cost{}, errors.Join(err, n.Close(), last.Close())
		}
		defer links.Close()
		start = time.Now()
		err = errors.Join(n.Close(), last.Close())
		for err == nil {
			time.Sleep(time.Millisecond)
			_, err = links.LinkByName("eth0")
		}
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			err = nil
		}
		return cost{up, time.Since(start)}, err
	}
}

// star is the network that mininet_star.py wires: a router, and one host on
// each of so many subnets, which are the first /26s of 10.12.0.0/16.
func star(subnets int) *topology.Lab {
	l := &topology.Lab{Name: "star"}
	router := topology.Host{Name: "router", Forwards: true}
	for i := range subnets {
		name, gateway := fmt.Sprintf("net%03d", i), address(i, 62)
		l.Subnets = append(l.Subnets, topology.Subnet{Name: name, Prefix: netip.PrefixFrom(address(i, 0), 26)})
		router.Links = append(router.Links, topology.Link{Subnet: name, Address: netip.PrefixFrom(gateway, 26)})
		l.Hosts = append(l.Hosts, topology.Host{
			Name:   fmt.Sprintf("h%03d", i),
			Links:  []topology.Link{{Subnet: name, Address: netip.PrefixFrom(address(i, 10), 26)}},
			Routes: []topology.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: gateway}},
		})
	}
	l.Hosts = append(l.Hosts, router)
	return l
}

// address is the host's address on the subnet.
func address(subnet, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 12, byte(subnet / 4), byte(subnet%4*64 + host)})
}
