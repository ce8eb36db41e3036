package sockets

import "encoding/binary"

// Protocol numbers, families and lengths of linux/inet_diag.h.
const (
	protocolTCP = 6

	familyIPv4 = 2
	familyIPv6 = 10

	sizeofRequest = 56

	attributeBytecode = 1

	// INET_DIAG_BC_JMP, _S_EQ and _D_EQ.
	opJump            = 1
	opSourcePort      = 11
	opDestinationPort = 12
)

// request is the message that asks for a dump of one family's TCP sockets in
// all states (struct inet_diag_req_v2), of those with the given local or remote
// port only where port is not 0.
func request(family uint8, port uint16, sequence uint32) []byte {
	r := make([]byte, sizeofMessageHeader, sizeofMessageHeader+sizeofRequest+20)
	r = append(r, family, protocolTCP, 0, 0)
	r = binary.NativeEndian.AppendUint32(r, askedStates)
	r = append(r, make([]byte, sizeofRequest-8)...)
	if port != 0 {
		r = append(r, portFilter(port)...)
	}
	binary.NativeEndian.PutUint32(r[0:], uint32(len(r)))
	binary.NativeEndian.PutUint16(r[4:], kindSockDiag)
	binary.NativeEndian.PutUint16(r[6:], flagRequest|flagDump)
	binary.NativeEndian.PutUint32(r[8:], sequence)
	return r
}

// portFilter is an attribute with a program for the kernel: local port equals
// port, or remote port does.
//
//	 0  local port = port?   yes: go on at 8   no: at 12
//	 8  jump to 20
//	12  remote port = port?  yes: go on at 20  no: at 24
//
// Distances are in bytes. A program that ends just behind its last byte accepts
// the socket, one that jumps beyond rejects it. The jump at 8 is for the kernel's
// check of the program, which wants each target of a no on the way of the yeses.
func portFilter(port uint16) []byte {
	const length, attributeHeader = 20, 4
	a := binary.NativeEndian.AppendUint16(nil, attributeHeader+length)
	a = binary.NativeEndian.AppendUint16(a, attributeBytecode)
	a = appendOperation(a, opSourcePort, 8, 12)
	a = appendOperation(a, 0, 0, port)
	a = appendOperation(a, opJump, 4, length-8)
	a = appendOperation(a, opDestinationPort, length-12, length+4-12)
	return appendOperation(a, 0, 0, port)
}

// appendOperation appends one struct inet_diag_bc_op; an operand has that form
// too, with the port in the place of the last distance.
func appendOperation(program []byte, op, yes uint8, no uint16) []byte {
	return binary.NativeEndian.AppendUint16(append(program, op, yes), no)
}
