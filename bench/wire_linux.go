package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/engine/netns"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// wireOurs makes a star once and takes it down. It is up when Build returns,
// for then every link carries; it is down when the kernel has removed the
// links, which is later than Close returns.
func wireOurs(subnets int) func(context.Context) (cost, error) {
	return func(ctx context.Context) (took cost, err error) {
		lab := star(subnets)
		start := time.Now()
		n, err := netns.Build(ctx, lab, nil)
		if err != nil {
			return cost{}, err
		}
		took.up = time.Since(start)
		err = reached(n, subnets)
		last, lastErr := newLast()
		if err := errors.Join(err, lastErr); err != nil {
			return cost{}, errors.Join(err, n.Close())
		}
		start = time.Now()
		err = errors.Join(n.Close(), last.gone(ctx))
		took.down = time.Since(start)
		return took, err
	}
}

// reached says whether the last host answers the first: it refuses, since
// nobody listens there.
func reached(n *netns.Network, subnets int) error {
	last := net.JoinHostPort(address(subnets-1, 10).String(), "1")
	return n.Host("h000").Do(func() error {
		c, err := net.DialTimeout("tcp4", last, 5*time.Second)
		if err == nil {
			return errors.Join(fmt.Errorf("somebody listens on %s", last), c.Close())
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		return err
	})
}

// A last is a namespace with one end of a veth pair whose other end is kept.
// The kernel takes namespaces down one after another, so that when the kept end
// is gone, all that were closed before the last are gone, too.
type last struct {
	closed, kept vnetns.NsHandle
	links        *netlink.Handle // in the one that is kept
}

func newLast() (l last, err error) {
	runtime.LockOSThread()
	home, err := vnetns.Get()
	if err != nil {
		return l, err
	}
	defer home.Close()
	if l.kept, err = vnetns.New(); err != nil {
		return l, err
	}
	if l.links, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return l, err
	}
	if l.closed, err = vnetns.New(); err != nil {
		return l, err
	}
	err = netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "last"}, PeerName: "last", PeerNamespace: netlink.NsFd(l.kept),
	})
	if err = errors.Join(err, vnetns.Set(home)); err == nil {
		runtime.UnlockOSThread() // else it is nobody's any more
	}
	return l, err
}

// gone closes the namespace and waits until the kept end is gone.
func (l last) gone(ctx context.Context) error {
	defer l.links.Close()
	defer l.kept.Close()
	if err := l.closed.Close(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if _, err := l.links.LinkByName("last"); err != nil {
			if errors.As(err, new(netlink.LinkNotFoundError)) {
				return nil
			}
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
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
