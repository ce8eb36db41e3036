package agent

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/fourtuple/fourtuple/internal/agent/nat"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// setRoutes gives a container the routes of its host, and no other way out: the
// default route over the bridge that Docker set is a second path and goes.
func setRoutes(h topology.Host) error {
	if err := dropDefaultRoutes(); err != nil {
		return err
	}
	for _, r := range h.Routes {
		route := netlink.Route{Gw: net.IP(r.Gateway.AsSlice()), Dst: ipNet(r.Destination)}
		if err := netlink.RouteReplace(&route); err != nil {
			return fmt.Errorf("route %s over %s: %w", r.Destination, r.Gateway, err)
		}
	}
	return masquerade(h)
}

func dropDefaultRoutes() error {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	var errs []error
	for _, r := range routes {
		if r.Dst == nil || r.Dst.IP.IsUnspecified() {
			if err := netlink.RouteDel(&r); err != nil {
				errs = append(errs, fmt.Errorf("remove the default route over %s: %w", r.Gw, err))
			}
		}
	}
	return errors.Join(errs...)
}

// masquerade finds the interfaces by the host's addresses on the subnets.
func masquerade(h topology.Host) error {
	if len(h.Masquerade) == 0 {
		return nil
	}
	interfaces, err := listInterfaces()
	if err != nil {
		return err
	}
	var names []string
	for _, link := range h.Links {
		if !slices.Contains(h.Masquerade, link.Subnet) {
			continue
		}
		name, ok := interfaceWith(interfaces, link.Address.Addr())
		if !ok {
			return fmt.Errorf("masquerade onto %s: no interface has the address %s", link.Subnet, link.Address.Addr())
		}
		names = append(names, name)
	}
	return nat.Masquerade(names)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: net.IP(p.Addr().AsSlice()), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
