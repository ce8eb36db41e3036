package sockets

import (
	"encoding/binary"
	"slices"
)

// datagram packs messages into one datagram.
func datagram(messages ...[]byte) []byte { return slices.Concat(messages...) }

// encode is a netlink message as the kernel writes it, padded.
func encode(kind, flags uint16, sequence uint32, body []byte) []byte {
	m := binary.NativeEndian.AppendUint32(nil, uint32(sizeofMessageHeader+len(body)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = binary.NativeEndian.AppendUint16(m, flags)
	m = binary.NativeEndian.AppendUint32(m, sequence)
	m = binary.NativeEndian.AppendUint32(m, 4711)
	m = append(m, body...)
	return append(m, make([]byte, align(len(m))-len(m))...)
}

// listening is the body of a row that says: 10.12.0.10 listens on port.
func listening(port uint16) []byte {
	b := make([]byte, sizeofRow)
	b[0], b[1] = familyIPv4, 10
	binary.BigEndian.PutUint16(b[4:], port)
	copy(b[8:], []byte{10, 12, 0, 10})
	binary.NativeEndian.PutUint32(b[60:], 128)
	binary.NativeEndian.PutUint32(b[64:], 65534)
	binary.NativeEndian.PutUint32(b[68:], 9000+uint32(port))
	// Kernels append attributes, which nobody asked for.
	return append(b, 5, 0, 8, 0, 0)
}

func rowMessage(sequence uint32, flags uint16, port uint16) []byte {
	return encode(kindSockDiag, flags, sequence, listening(port))
}

func doneMessage(sequence uint32) []byte {
	return encode(kindDone, 2, sequence, []byte{0, 0, 0, 0})
}

func errnoBody(number int32) []byte {
	return binary.NativeEndian.AppendUint32(nil, uint32(-number))
}
