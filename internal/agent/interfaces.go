package agent

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// listInterfaces lists the interfaces of the calling thread's network
// namespace.
func listInterfaces() ([]evidence.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	interfaces := make([]evidence.Interface, 0, len(all))
	for _, i := range all {
		addresses, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list the addresses of %s: %w", i.Name, err)
		}
		interfaces = append(interfaces, evidence.Interface{
			Name: i.Name, Index: i.Index, MAC: i.HardwareAddr.String(), MTU: i.MTU,
			Addresses: prefixes(addresses),
		})
	}
	return interfaces, nil
}

func prefixes(addresses []net.Addr) []netip.Prefix {
	var found []netip.Prefix
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			found = append(found, p)
		}
	}
	return found
}
