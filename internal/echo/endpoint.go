package echo

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// endpointOf is a socket's address as address and port, IPv4-mapped addresses turned back into IPv4; the zero
// value where the socket is not one of TCP.
func endpointOf(addr net.Addr) netip.AddrPort {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	return unmapped(tcp.AddrPort())
}

func unmapped(endpoint netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(endpoint.Addr().Unmap(), endpoint.Port())
}

// parseSource reads the endpoint that a client shall call from: ADDRESS, ADDRESS:PORT or :PORT. A missing
// address is left invalid and a missing port zero; both mean any.
func parseSource(text string) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), 0), nil
	}
	if endpoint, err := netip.ParseAddrPort(text); err == nil {
		return unmapped(endpoint), nil
	}
	if host, port, err := net.SplitHostPort(text); err == nil && host == "" {
		if number, err := parsePort(port); err == nil {
			return netip.AddrPortFrom(netip.Addr{}, number), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%q is no source: want ADDRESS:PORT, with an IP address", text)
}

// checkAddress checks what a person typed as HOST:PORT, so that mistakes are told from failures. A listener's
// host may be empty and its port zero; a server to connect to needs both.
func checkAddress(text string, listener bool) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" && !listener {
		return fmt.Errorf("%q is no address: want HOST:PORT", text)
	}
	number, err := parsePort(port)
	if err != nil || number == 0 && !listener {
		return fmt.Errorf("%q is no address: its port is no number up to 65535", text)
	}
	return nil
}

func parsePort(text string) (uint16, error) {
	number, err := strconv.ParseUint(text, 10, 16)
	return uint16(number), err
}
