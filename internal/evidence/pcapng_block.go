package evidence

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// pcapngBuffer is how much is read at once, in bytes.
	pcapngBuffer = 64 << 10
	// pcapngBlock is the longest block that is read: Wireshark's longest packet
	// is 256 KiB. Longer blocks that are not needed are skipped.
	pcapngBlock = 1 << 20
)

// Block types of pcapng.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockOldPacket  = 2
	blockSimple     = 3
	blockStatistics = 5
	blockPacket     = 6
)

const (
	byteOrderMagic = 0x1a2b3c4d
	// blockAround is the length of what every block has around its body.
	blockAround = 12
)

var (
	// errEnd is the end of the file between two blocks.
	errEnd = errors.New("the file ends")
	// errMidBlock is the end of the file within a block.
	errMidBlock = errors.New("the file ends within a block")
)

// A pcapngReader reads one file.
type pcapngReader struct {
	r      *bufio.Reader
	visit  func(Packet) error
	info   PcapngInfo
	offset int64 // of the block being read
	order  endian
	links  []pcapngLink // of this section
	kept   keeper
	long   []byte // a block that is longer than the buffer
}

// endian is a byte order, true for big; a type of its own because calls of
// binary.ByteOrder are not inlined, and there are ten for each packet.
type endian bool

func (big endian) u16(b []byte) uint16 {
	if big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

func (big endian) u32(b []byte) uint32 {
	if big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (big endian) u64(b []byte) uint64 {
	if big {
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

func (p *pcapngReader) read() error {
	for {
		switch err := p.block(); {
		case err == errEnd && p.offset > 0:
			return nil
		case err == errEnd || err == errMidBlock:
			return fmt.Errorf("%w at byte %d", ErrCutShort, p.offset)
		case err != nil:
			return err
		}
	}
}

// block reads one block.
func (p *pcapngReader) block() error {
	kind, length, err := p.head()
	if err != nil {
		return err
	}
	switch kind {
	case blockSection, blockInterface, blockOldPacket, blockSimple, blockStatistics, blockPacket:
		err = p.known(kind, length)
	default:
		err = p.skip(length)
	}
	if err == nil {
		p.offset += int64(length)
	}
	return err
}

// head peeks at the type and the length of the next block.
func (p *pcapngReader) head() (kind, length uint32, err error) {
	h, err := p.r.Peek(8)
	if len(h) == 0 && err == io.EOF {
		return 0, 0, errEnd
	}
	if err != nil {
		return 0, 0, cutShort(err)
	}
	kind = p.order.u32(h)
	if kind == blockSection {
		if err := p.byteOrder(); err != nil {
			return 0, 0, err
		}
	} else if p.offset == 0 {
		return 0, 0, errors.New("the file is no pcapng")
	}
	length = p.order.u32(h[4:])
	if length < blockAround || length%4 != 0 {
		return 0, 0, p.broken("a block has a length of %d", length)
	}
	return kind, length, nil
}

// byteOrder takes the section's byte order from its magic number.
func (p *pcapngReader) byteOrder() error {
	h, err := p.r.Peek(12)
	if err != nil {
		return cutShort(err)
	}
	switch {
	case binary.LittleEndian.Uint32(h[8:]) == byteOrderMagic:
		p.order = false
	case binary.BigEndian.Uint32(h[8:]) == byteOrderMagic:
		p.order = true
	default:
		return p.broken("a section has no byte order")
	}
	return nil
}

// known reads a block of a type that says something.
func (p *pcapngReader) known(kind, length uint32) error {
	if length > pcapngBlock {
		return p.broken("a block of %d bytes is too long", length)
	}
	b, err := p.next(int(length))
	if err != nil {
		return cutShort(err)
	}
	if p.order.u32(b[length-4:]) != length {
		return p.broken("a block has two lengths")
	}
	return p.body(kind, b[8:length-4])
}

// next reads n bytes, which are there until the next call.
func (p *pcapngReader) next(n int) ([]byte, error) {
	if n <= pcapngBuffer {
		b, err := p.r.Peek(n)
		if err != nil {
			return nil, err
		}
		_, err = p.r.Discard(n)
		return b, err
	}
	if len(p.long) < n {
		p.long = make([]byte, n)
	}
	_, err := io.ReadFull(p.r, p.long[:n])
	return p.long[:n], err
}

func (p *pcapngReader) skip(length uint32) error {
	_, err := p.r.Discard(int(length))
	return cutShort(err)
}

func (p *pcapngReader) body(kind uint32, b []byte) error {
	switch kind {
	case blockSection:
		return p.section(b)
	case blockInterface:
		return p.describe(b)
	case blockStatistics:
		return p.statistics(b)
	case blockSimple:
		return p.simple(b)
	default:
		return p.packet(kind, b)
	}
}

func (p *pcapngReader) section(b []byte) error {
	if len(b) < 16 {
		return p.broken("a section is too short")
	}
	if major := p.order.u16(b[4:]); major != 1 {
		return p.broken("a section has version %d", major)
	}
	p.links = p.links[:0]
	return nil
}

func (p *pcapngReader) broken(format string, a ...any) error {
	return fmt.Errorf("broken capture at byte %d: %s", p.offset, fmt.Sprintf(format, a...))
}

// cutShort makes an end of the file one in the middle of a block.
func cutShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errMidBlock
	}
	return err
}
