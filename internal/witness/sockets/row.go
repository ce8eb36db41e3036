package sockets

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// sizeofRow is the length of struct inet_diag_msg in bytes; attributes follow.
const sizeofRow = 72

// requestSocket is TCP_NEW_SYN_RECV of net/tcp_states.h, the last state there
// is a name for.
const requestSocket = 12

// askedStates is the mask of all states from TCP_ESTABLISHED to
// TCP_NEW_SYN_RECV.
const askedStates = 1<<(requestSocket+1) - 2

// parseRow reads one struct inet_diag_msg. Ports and addresses are in network
// byte order, all else in the machine's.
func parseRow(body []byte) (evidence.Socket, error) {
	if len(body) < sizeofRow {
		return evidence.Socket{}, fmt.Errorf("socket of %d bytes: %w", len(body), errCutShort)
	}
	protocol, address, err := family(body[0])
	if err != nil {
		return evidence.Socket{}, err
	}
	state, ok := evidence.StateName(uint64(body[1]))
	if !ok {
		return evidence.Socket{}, fmt.Errorf("tcp state %d is unknown", body[1])
	}
	return evidence.Socket{
		Protocol:  protocol,
		State:     state,
		Local:     netip.AddrPortFrom(address(body[8:24]), binary.BigEndian.Uint16(body[4:])),
		Remote:    netip.AddrPortFrom(address(body[24:40]), binary.BigEndian.Uint16(body[6:])),
		Interface: binary.NativeEndian.Uint32(body[40:]),
		RecvQueue: binary.NativeEndian.Uint32(body[56:]),
		SendQueue: binary.NativeEndian.Uint32(body[60:]),
		UID:       binary.NativeEndian.Uint32(body[64:]),
		Inode:     uint64(binary.NativeEndian.Uint32(body[68:])),
	}, nil
}

// family gives the protocol's name and the reading of its addresses, which
// stand in fields of 16 bytes.
func family(number byte) (protocol string, address func([]byte) netip.Addr, err error) {
	switch number {
	case familyIPv4:
		return "tcp", func(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }, nil
	case familyIPv6:
		return "tcp6", func(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b)).Unmap() }, nil
	}
	return "", nil, fmt.Errorf("socket family %d is neither IPv4 nor IPv6", number)
}
