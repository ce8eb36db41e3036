package evidence

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// made is a pcapng file in the making, of either byte order: what no program
// at hand writes.
type made struct {
	order interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
	b []byte
}

func (m *made) numbers(v ...any) []byte {
	var b []byte
	for _, n := range v {
		switch n := n.(type) {
		case uint16:
			b = m.order.AppendUint16(b, n)
		case uint32:
			b = m.order.AppendUint32(b, n)
		case uint64:
			b = m.order.AppendUint64(b, n)
		case string:
			b = append(b, n...)
		case []byte:
			b = append(b, n...)
			b = append(b, make([]byte, -len(n)&3)...)
		}
	}
	return b
}

// block adds a block with a body of these numbers.
func (m *made) block(kind uint32, v ...any) {
	body := m.numbers(v...)
	length := uint32(len(body) + 12)
	m.b = append(m.b, m.numbers(kind, length, body, length)...)
}

func (m *made) section() {
	m.block(blockSection, uint32(byteOrderMagic), uint16(1), uint16(0), ^uint64(0))
}

// describe adds an interface; its options may be given as bytes.
func (m *made) describe(link uint16, name string, options ...byte) {
	text := []byte(name)
	m.block(blockInterface, link, uint16(0), uint32(0), uint16(2), uint16(len(text)), text, options, uint32(0))
}

// packet adds an enhanced packet block of a frame of which nothing is missing.
func (m *made) packet(id uint32, t uint64, frame []byte) {
	m.block(blockPacket, id, uint32(t>>32), uint32(t), uint32(len(frame)), uint32(len(frame)), frame)
}

// option is one option.
func (m *made) option(code uint16, value ...byte) []byte {
	return m.numbers(code, uint16(len(value)), value)
}

var (
	madeSource4, madeDestination4 = net.IP{10, 12, 1, 1}, net.IP{10, 12, 1, 2}
	madeSource6, madeDestination6 = net.ParseIP("fd12::1"), net.ParseIP("fd12::2")
)

func madeFrame(t testing.TB, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, l...))
	return b.Bytes()
}

func madeEthernet(kind layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: kind}
}

func made4(protocol layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: protocol, SrcIP: madeSource4, DstIP: madeDestination4}
}

func made6(protocol layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: madeSource6, DstIP: madeDestination6}
}

func madeTCP(seq uint32) *layers.TCP {
	return &layers.TCP{SrcPort: 40000, DstPort: 12000, Seq: seq, Ack: 4e9, ACK: true, PSH: true, ECE: true, Window: 65535}
}

// Extension headers of IPv6, each with the next header's protocol.
func madeOptions(next layers.IPProtocol, more byte) gopacket.Payload {
	return append([]byte{byte(next), more, 1, 4, 0, 0, 0, 0}, make([]byte, 8*int(more))...)
}

func madeFragment6(next layers.IPProtocol, offset uint16, more byte) gopacket.Payload {
	return gopacket.Payload{byte(next), 0, byte(offset >> 5), byte(offset<<3) | more, 0, 0, 0, 7}
}

func madeAH(next layers.IPProtocol) gopacket.Payload {
	return append([]byte{byte(next), 4, 0, 0}, make([]byte, 20)...)
}

func madeFragment4(offset uint16) *layers.IPv4 {
	ip := made4(6)
	ip.FragOffset, ip.Flags = offset, layers.IPv4MoreFragments
	return ip
}

// wellMade is a capture with all that the reader knows: link types, tags,
// options, extension headers, padding and an old block.
func wellMade(t testing.TB, order interface {
	binary.ByteOrder
	binary.AppendByteOrder
},
) []byte {
	const v4, v6, vlan = layers.EthernetTypeIPv4, layers.EthernetTypeIPv6, layers.EthernetTypeDot1Q
	m := &made{order: order}
	m.section()
	m.describe(linkEthernet, "wire", m.option(9, 9)...)
	m.describe(linkNull, "null")
	m.describe(linkRaw, "tun", m.option(9, 3)...)
	m.describe(linkIPv4, "four")
	m.describe(linkIPv6, "six")
	m.describe(linkLoop, "loop")

	data := gopacket.Payload("payload")
	options := made4(6)
	options.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
	timestamps := madeTCP(8)
	timestamps.NS, timestamps.URG, timestamps.Urgent = true, true, 77
	timestamps.Options = []layers.TCPOption{{OptionType: 1}, {OptionType: 1}, {OptionType: 8, OptionLength: 10, OptionData: make([]byte, 8)}}
	tag := func(kind layers.EthernetType) *layers.Dot1Q { return &layers.Dot1Q{VLANIdentifier: 7, Type: kind} }
	for i, l := range [][]gopacket.SerializableLayer{
		{madeEthernet(v4), made4(6), madeTCP(1)}, // padded to 60 bytes
		{madeEthernet(v4), made4(6), madeTCP(2), data},
		{madeEthernet(v4), options, madeTCP(3), data},
		{madeEthernet(v6), made6(6), madeTCP(4), data},
		{madeEthernet(vlan), tag(v4), made4(6), madeTCP(5), data},
		{madeEthernet(layers.EthernetTypeQinQ), tag(vlan), tag(v6), made6(6), madeTCP(6), data},
		{madeEthernet(v4), madeFragment4(100), data},
		{madeEthernet(v4), made4(6), timestamps, data},
		{madeEthernet(v6), made6(0), madeOptions(43, 0), madeOptions(60, 2), madeOptions(6, 1), madeTCP(9), data},
		{madeEthernet(v6), made6(51), madeAH(6), madeTCP(10), data},
		{madeEthernet(v6), made6(44), madeFragment6(6, 0, 0), madeTCP(11), data},
		{madeEthernet(v6), made6(44), madeFragment6(6, 100, 0), data},
		{madeEthernet(v4), made4(17), &layers.UDP{SrcPort: 1, DstPort: 2}, data},
	} {
		m.packet(0, 1795408627778530556+uint64(i), madeFrame(t, l...))
	}
	four, six := madeFrame(t, made4(6), madeTCP(12), data), madeFrame(t, made6(6), madeTCP(13), data)
	m.packet(1, 1795408627778531, append(order.AppendUint32(nil, 2), four...))
	m.packet(2, 1795408627778, four)
	m.packet(2, 1795408627779, six)
	m.packet(3, 1795408627778532, four)
	m.packet(4, 1795408627778533, six)
	m.packet(5, 1795408627778534, append([]byte{0, 0, 0, 24}, six...))
	// An old packet block, with two short numbers for interface and drops.
	m.block(blockOldPacket, uint16(3), uint16(0), uint32(418029), uint32(7), uint32(len(four)), uint32(len(four)), four)
	m.block(blockStatistics, uint32(0), uint64(0), m.option(4, m.numbers(uint64(14))...), m.option(5, m.numbers(uint64(3))...), uint32(0))
	return m.b
}
