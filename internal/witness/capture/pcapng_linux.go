package capture

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// The blocks and options of pcapng that a capture writes. They are written
// here and not by gopacket's NgWriter because that brings all of gopacket's
// layers along: 2 MB and 0.8 ms at every start of the program, and some
// allocations for each packet that has a direction.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockStatistics = 5
	blockPacket     = 6

	byteOrder = 0x1a2b3c4d

	optionComment = 1

	sectionOS          = 3
	sectionApplication = 4

	interfaceName        = 2
	interfaceDescription = 3
	interfaceIPv4        = 4
	interfaceIPv6        = 5
	interfaceMAC         = 6
	interfaceResolution  = 9
	interfaceFilter      = 11

	packetFlags = 2

	statisticsStart    = 2
	statisticsEnd      = 3
	statisticsReceived = 4
	statisticsDropped  = 5

	linkEthernet = 1
	linkRaw      = 101

	nanoseconds = 9
)

// A direction is the low bits of a packet's flags option.
type direction uint32

const (
	inbound  direction = 1
	outbound direction = 2
)

// blocks is pcapng in the making: whole blocks, little endian.
type blocks []byte

func (b *blocks) u16(v uint16) { *b = binary.LittleEndian.AppendUint16(*b, v) }
func (b *blocks) u32(v uint32) { *b = binary.LittleEndian.AppendUint32(*b, v) }
func (b *blocks) u64(v uint64) { *b = binary.LittleEndian.AppendUint64(*b, v) }

// pad fills up to a multiple of four what n bytes began.
func (b *blocks) pad(n int) { *b = append(*b, make([]byte, -n&3)...) }

// begin starts a block; end closes the block that began at start.
func (b *blocks) begin(kind uint32) (start int) {
	start = len(*b)
	b.u32(kind)
	b.u32(0)
	return start
}

func (b *blocks) end(start int) {
	length := uint32(len(*b) - start + 4)
	binary.LittleEndian.PutUint32((*b)[start+4:], length)
	b.u32(length)
}

func (b *blocks) option(code uint16, value ...byte) {
	b.u16(code)
	b.u16(uint16(len(value)))
	*b = append(*b, value...)
	b.pad(len(value))
}

func (b *blocks) text(code uint16, s string) { b.option(code, []byte(s)...) }

func (b *blocks) number(code uint16, v uint64) {
	b.option(code, binary.LittleEndian.AppendUint64(nil, v)...)
}

func (b *blocks) endOptions() { b.u32(0) }

// time writes nanoseconds as pcapng does, the high half first.
func (b *blocks) time(t time.Time) {
	ns := uint64(t.UnixNano())
	b.u32(uint32(ns >> 32))
	b.u32(uint32(ns))
}

func (b *blocks) section() {
	start := b.begin(blockSection)
	b.u32(byteOrder)
	b.u16(1)
	b.u16(0)
	b.u64(1<<64 - 1) // the section's length is not known
	b.text(sectionOS, "Linux")
	b.text(sectionApplication, "fourtuple")
	b.endOptions()
	b.end(start)
}

// describe writes the block of one interface.
func (b *blocks) describe(i evidence.Interface, link uint16) {
	start := b.begin(blockInterface)
	b.u16(link)
	b.u16(0)
	b.u32(0) // whole packets
	b.text(interfaceName, i.Name)
	if len(i.Addresses) > 0 {
		b.text(interfaceDescription, join(i.Addresses))
	}
	for _, p := range i.Addresses {
		b.address(p)
	}
	if mac, err := net.ParseMAC(i.MAC); err == nil && len(mac) == 6 {
		b.option(interfaceMAC, mac...)
	}
	b.option(interfaceResolution, nanoseconds)
	b.text(interfaceFilter, "\x00"+filterText)
	b.endOptions()
	b.end(start)
}

func (b *blocks) address(p netip.Prefix) {
	if p.Addr().Is4() {
		b.option(interfaceIPv4, append(p.Addr().AsSlice(), net.CIDRMask(p.Bits(), 32)...)...)
		return
	}
	b.option(interfaceIPv6, append(p.Addr().AsSlice(), byte(p.Bits()))...)
}

func join(addresses []netip.Prefix) string {
	var s []string
	for _, p := range addresses {
		s = append(s, p.String())
	}
	return strings.Join(s, " ")
}

// A count is what the statistics block of one interface says. Of a host with
// several interfaces the kernel does not tell where packets were dropped.
type count struct {
	received, dropped uint64
	droppedKnown      bool
	comment           string
}

func (b *blocks) statistics(id int, from, to time.Time, c count) {
	start := b.begin(blockStatistics)
	b.u32(uint32(id))
	b.time(to)
	if c.comment != "" {
		b.text(optionComment, c.comment)
	}
	b.moment(statisticsStart, from)
	b.moment(statisticsEnd, to)
	b.number(statisticsReceived, c.received)
	if c.droppedKnown {
		b.number(statisticsDropped, c.dropped)
	}
	b.endOptions()
	b.end(start)
}

func (b *blocks) moment(code uint16, t time.Time) {
	b.u16(code)
	b.u16(8)
	b.time(t)
}
