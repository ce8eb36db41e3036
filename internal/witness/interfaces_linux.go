package witness

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Interfaces lists the interfaces of the calling thread's network namespace in
// the order of their indices, with the addresses of each in the kernel's order.
func Interfaces() ([]evidence.Interface, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("list the interfaces: %w", err)
	}
	defer h.Close()
	for range 8 { // interfaces and addresses may come and go while they are listed
		var interfaces []evidence.Interface
		if interfaces, err = listInterfaces(h); err == nil {
			return interfaces, nil
		}
	}
	return nil, fmt.Errorf("list the interfaces: %w", err)
}

func listInterfaces(h *netlink.Handle) ([]evidence.Interface, error) {
	links, err := h.LinkList()
	if err != nil {
		return nil, err
	}
	addresses, err := h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	byLink := make(map[int][]netip.Prefix)
	for _, a := range addresses {
		ip, _ := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		byLink[a.LinkIndex] = append(byLink[a.LinkIndex], netip.PrefixFrom(ip.Unmap(), bits))
	}
	interfaces := make([]evidence.Interface, 0, len(links))
	for _, l := range links {
		a := l.Attrs()
		interfaces = append(interfaces, evidence.Interface{
			Name: a.Name, Index: a.Index, MAC: a.HardwareAddr.String(), MTU: a.MTU, Addresses: byLink[a.Index],
		})
	}
	slices.SortFunc(interfaces, func(a, b evidence.Interface) int { return cmp.Compare(a.Index, b.Index) })
	return interfaces, nil
}
