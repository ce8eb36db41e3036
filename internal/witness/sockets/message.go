package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Message types and flags of linux/netlink.h and linux/sock_diag.h.
const (
	kindNoop     = 1
	kindError    = 2
	kindDone     = 3
	kindOverrun  = 4
	kindSockDiag = 20

	flagRequest         = 0x1
	flagDumpInterrupted = 0x10
	flagDump            = 0x300
)

// sizeofMessageHeader is the length of struct nlmsghdr in bytes.
const sizeofMessageHeader = 16

var errCutShort = errors.New("netlink message is cut short")

// A message is one netlink message (netlink(7), struct nlmsghdr).
type message struct {
	kind, flags uint16
	sequence    uint32
	body        []byte
}

// nextMessage takes the first message off a datagram. The message's body points
// into the datagram.
func nextMessage(datagram []byte) (m message, rest []byte, err error) {
	if len(datagram) < sizeofMessageHeader {
		return message{}, nil, errCutShort
	}
	length := binary.NativeEndian.Uint32(datagram)
	if length < sizeofMessageHeader || uint64(length) > uint64(len(datagram)) {
		return message{}, nil, errCutShort
	}
	m = message{
		kind:     binary.NativeEndian.Uint16(datagram[4:]),
		flags:    binary.NativeEndian.Uint16(datagram[6:]),
		sequence: binary.NativeEndian.Uint32(datagram[8:]),
		body:     datagram[sizeofMessageHeader:length],
	}
	return m, datagram[min(align(int(length)), len(datagram)):], nil
}

// align rounds a length up to the 4 bytes that netlink aligns messages to.
func align(length int) int { return (length + 3) &^ 3 }

// errno is the error number that an error message or the end of a dump carries,
// 0 for none. The end of a dump may have no body at all.
func (m message) errno() (int, error) {
	if m.kind == kindDone && len(m.body) == 0 {
		return 0, nil
	}
	if len(m.body) < 4 {
		return 0, errCutShort
	}
	code := int32(binary.NativeEndian.Uint32(m.body))
	if code > 0 {
		return 0, fmt.Errorf("kernel answered with the unknown code %d", code)
	}
	return int(-int64(code)), nil
}
