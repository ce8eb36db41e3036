package capture

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// perBatch is how many packets one system call reads.
	perBatch = 32
	// perPacket holds the largest IP packet behind its link layer. Longer ones
	// (BIG TCP) are cut off and keep their length.
	perPacket = 66 << 10
	// perControl holds the two control messages of a packet, 104 bytes.
	perControl = 128
	// flushAt is how many bytes of blocks are written at once.
	flushAt = 256 << 10
)

// A message is a struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// A batch is the memory that one recvmmsg(2) fills, and that of the blocks made
// of it. Of its 2 MB only the pages that packets reach are ever touched.
type batch struct {
	messages [perBatch]message
	vectors  [perBatch]unix.Iovec
	names    [perBatch]unix.RawSockaddrLinklayer
	controls [perBatch][perControl]byte
	data     []byte
	out      blocks
}

// batches are shared by all captures: a capture holds one only while it reads.
var batches = sync.Pool{New: func() any { return newBatch() }}

func newBatch() *batch {
	b := &batch{data: make([]byte, perBatch*perPacket)}
	for i := range b.messages {
		b.vectors[i].Base = &b.data[i*perPacket]
		b.vectors[i].SetLen(perPacket)
		h := &b.messages[i].header
		h.Iov = &b.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Control = &b.controls[i][0]
	}
	return b
}

// receive reads what waits, at most a batch, and returns how many packets that
// are; 0 when none waits.
func (b *batch) receive(fd int) (int, error) {
	for i := range b.messages {
		b.messages[i].header.Namelen = unix.SizeofSockaddrLinklayer
		b.messages[i].header.SetControllen(perControl)
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&b.messages)), perBatch, unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EAGAIN:
			return 0, nil
		case unix.EINTR, unix.ENETDOWN: // an interface went down: not the end of the others
		default:
			return 0, errno
		}
	}
}

// packet is the i-th packet that receive read.
func (b *batch) packet(i int) packet {
	m, name := &b.messages[i], &b.names[i]
	captured := min(int(m.length), perPacket)
	p := packet{
		data:      b.data[i*perPacket:][:captured],
		length:    int(m.length),
		index:     int(name.Ifindex),
		direction: inbound,
	}
	if name.Pkttype == unix.PACKET_OUTGOING {
		p.direction = outbound
	}
	p.readControl(b.controls[i][:min(int(m.header.Controllen), perControl)])
	return p
}
