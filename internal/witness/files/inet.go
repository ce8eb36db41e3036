package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// parseTCP reads lines of /proc/net/tcp and tcp6 (proc_pid_net(5)).
func parseTCP(kind string) func([][]byte) (socket, error) {
	return func(columns [][]byte) (socket, error) {
		local, remote, err := parseEndpoints(columns)
		if err != nil {
			return socket{}, err
		}
		number, err := strconv.ParseUint(string(columns[3]), 16, 8)
		state, ok := evidence.StateName(number)
		if err != nil || !ok {
			return socket{}, fmt.Errorf("tcp state %.20q is unknown", columns[3])
		}
		s := socket{
			kind: kind, device: string(columns[9]), node: "TCP",
			local: evidence.Unmap(local), remote: evidence.Unmap(remote), state: state,
		}
		s.name = endpoints(local, remote) + " (" + s.state + ")"
		return s, nil
	}
}

// parseUDP reads lines of /proc/net/udp and its like: TCP's without a state that
// means anything.
func parseUDP(kind, protocol string) func([][]byte) (socket, error) {
	return func(columns [][]byte) (socket, error) {
		local, remote, err := parseEndpoints(columns)
		if err != nil {
			return socket{}, err
		}
		return socket{kind: kind, device: string(columns[9]), node: protocol, name: endpoints(local, remote)}, nil
	}
}

func parseEndpoints(columns [][]byte) (local, remote netip.AddrPort, err error) {
	local, err = parseEndpoint(columns[1])
	if err != nil {
		return local, remote, err
	}
	remote, err = parseEndpoint(columns[2])
	return local, remote, err
}

// parseEndpoint reads 0100007F:2EE0: the address in words of 32 bits as the
// machine reads them, the port as people do.
func parseEndpoint(text []byte) (netip.AddrPort, error) {
	address, port, ok := bytes.Cut(text, []byte(":"))
	if !ok || len(port) != 4 || len(address) != 8 && len(address) != 32 {
		return netip.AddrPort{}, fmt.Errorf("endpoint %.50q is malformed", text)
	}
	var b [16]byte
	for i := 0; i < len(address); i += 8 {
		word, err := strconv.ParseUint(string(address[i:i+8]), 16, 32)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("endpoint %.50q is malformed", text)
		}
		binary.NativeEndian.PutUint32(b[i/2:], uint32(word))
	}
	number, err := strconv.ParseUint(string(port), 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("endpoint %.50q is malformed", text)
	}
	if len(address) == 8 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(number)), nil
	}
	return netip.AddrPortFrom(netip.AddrFrom16(b), uint16(number)), nil
}

// endpoints writes LOCAL->REMOTE, or LOCAL alone where nothing is known of the
// remote. If one of them is IPv4-mapped, both are written as IPv4.
func endpoints(local, remote netip.AddrPort) string {
	if local.Addr().Is4In6() || remote.Addr().Is4In6() {
		local, remote = as4(local), as4(remote)
	}
	text := endpoint(local)
	if other := endpoint(remote); other != "" {
		text += "->" + other
	}
	return text
}

func as4(e netip.AddrPort) netip.AddrPort {
	b := e.Addr().As16()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:])), e.Port())
}

// endpoint writes 10.12.0.10:12000 or [::1]:12000, an asterisk for an address or
// a port that is open, and nothing if both are.
func endpoint(e netip.AddrPort) string {
	address, port := e.Addr().String(), strconv.Itoa(int(e.Port()))
	switch {
	case e.Addr().IsUnspecified() && e.Port() == 0:
		return ""
	case e.Addr().IsUnspecified():
		address = "*"
	case e.Addr().Is6():
		address = "[" + address + "]"
	}
	if e.Port() == 0 {
		port = "*"
	}
	return address + ":" + port
}
