package netns

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// do gives the interface its address, and the broadcast address that belongs
// to it, which a subnet of two addresses or one does not have (RFC 3021).
func (s addressStep) do(w *worker, t task) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	head := nl.NewIfAddrmsg(unix.AF_INET)
	head.Prefixlen, head.Index = uint8(s.prefix.Bits()), uint32(s.iface.index)
	req.AddData(head)
	address := s.prefix.Addr().AsSlice()
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, address))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, address))
	if s.prefix.Bits() < 31 {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, broadcast(s.prefix)))
	}
	return w.send(t, req)
}

// broadcast returns a subnet's last address.
func broadcast(p netip.Prefix) []byte {
	last := p.Addr().AsSlice()
	for i := p.Bits(); i < p.Addr().BitLen(); i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return last
}

// do adds the route; the kernel finds the interface by the gateway.
func (s routeStep) do(w *worker, t task) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	head := nl.NewRtMsg()
	head.Family, head.Dst_len = unix.AF_INET, uint8(s.Destination.Bits())
	req.AddData(head)
	if s.Destination.Bits() > 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_DST, s.Destination.Masked().Addr().AsSlice()))
	}
	req.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, s.Gateway.AsSlice()))
	return w.send(t, req)
}
