package evidence

import (
	"fmt"
	"net/netip"
)

// FourTuple is the four identifiers that TCP tells connections apart by (RFC
// 9293, section 3.3.1), written from the client's point of view: Source is the
// endpoint that sent the first SYN.
type FourTuple struct {
	Source      netip.AddrPort `json:"source"`
	Destination netip.AddrPort `json:"destination"`
}

// Reverse is the same four-tuple seen from the other side.
func (t FourTuple) Reverse() FourTuple {
	return FourTuple{Source: t.Destination, Destination: t.Source}
}

// IsValid tells whether both endpoints are set and have a port.
func (t FourTuple) IsValid() bool {
	return t.Source.IsValid() && t.Destination.IsValid() && t.Source.Port() != 0 && t.Destination.Port() != 0
}

func (t FourTuple) String() string { return fmt.Sprintf("%s -> %s", t.Source, t.Destination) }

// Unmap writes an IPv4-mapped IPv6 endpoint (::ffff:10.12.0.10) as the IPv4
// endpoint it is, and leaves out the interface of a link-local one, which is the
// host's own word for it; others are returned as they are.
func Unmap(e netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(e.Addr().Unmap().WithZone(""), e.Port())
}
