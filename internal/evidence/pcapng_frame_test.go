package evidence

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Options and payloads stay what they were when more is read.
func TestReadPcapngPayloadsMayBeKept(t *testing.T) {
	m := &made{order: binary.LittleEndian}
	m.section()
	m.describe(linkRaw, "tun")
	for i := range 200 {
		tcp := madeTCP(1)
		tcp.Options = madeTimestamps(byte(i))
		m.packet(0, 0, madeFrame(t, made4(6), tcp, gopacket.Payload(bytes.Repeat([]byte{byte(i)}, i*100))))
	}
	packets, _, err := readAll(m.b)
	require.NoError(t, err)
	require.Len(t, packets, 200)
	for i, p := range packets {
		require.Len(t, p.Payload, i*100)
		require.Equal(t, bytes.Count(p.Payload, []byte{byte(i)}), i*100)
		require.Equal(t, []byte{1, 1, 8, 10, byte(i), byte(i), byte(i), byte(i), byte(i), byte(i), byte(i), byte(i)}, p.Options)
		_ = append(p.Options, 0xff) // must not reach into the payload
		_ = append(p.Payload, 0xff) // must not reach into the next one's
	}
}

// madeTimestamps fill a header as Linux does, with time stamps of this byte.
func madeTimestamps(b byte) []layers.TCPOption {
	return []layers.TCPOption{{OptionType: 1}, {OptionType: 1}, {OptionType: 8, OptionLength: 10, OptionData: bytes.Repeat([]byte{b}, 8)}}
}

// decodeOne is what becomes of one frame of a link type.
func decodeOne(t *testing.T, link uint16, data []byte, length int) (Packet, PcapngInfo) {
	t.Helper()
	m := &made{order: binary.LittleEndian}
	m.section()
	m.describe(link, "link")
	m.block(blockPacket, uint64(0), uint32(0), uint32(len(data)), uint32(length), data)
	packets, info, err := readAll(m.b)
	require.NoError(t, err)
	if len(packets) == 0 {
		return Packet{}, info
	}
	return packets[0], info
}

func TestReadPcapngFragments(t *testing.T) {
	data := gopacket.Payload("payload")
	for name, c := range map[string]struct {
		frame     []byte
		fragments int
	}{
		"first":            {madeFrame(t, madeFragment4(0), madeTCP(1), data), 0},
		"later":            {madeFrame(t, madeFragment4(100), madeTCP(1), data), 1},
		"first over IPv6":  {madeFrame(t, made6(44), madeFragment6(6, 0, 1), madeTCP(1), data), 0},
		"later over IPv6":  {madeFrame(t, made6(44), madeFragment6(6, 100, 1), madeTCP(1), data), 1},
		"behind options":   {madeFrame(t, made6(44), madeFragment6(60, 100, 1), madeTCP(1), data), 1},
		"one that is none": {madeFrame(t, made6(44), madeFragment6(6, 0, 0), madeTCP(1), data), 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, info := decodeOne(t, linkRaw, c.frame, len(c.frame))
			assert.Equal(t, c.fragments, info.Fragments)
			if c.fragments == 0 {
				assert.Equal(t, "payload", string(p.Payload))
				assert.Equal(t, 7, p.Length)
			}
		})
	}
	for name, frame := range map[string][]byte{
		"of UDP":           madeFrame(t, made6(44), madeFragment6(17, 100, 1), data),
		"of UDP over IPv4": madeFrame(t, &layers.IPv4{Version: 4, IHL: 5, Protocol: 17, FragOffset: 9, SrcIP: madeSource4, DstIP: madeDestination4}, data),
	} {
		_, info := decodeOne(t, linkRaw, frame, len(frame))
		assert.Equal(t, 1, info.Other, name)
	}
}

// However short a frame is captured, its segment is whole, or shorter than its
// length, or nothing is said of it.
func TestReadPcapngTruncated(t *testing.T) {
	for name, c := range map[string]struct {
		frame  []byte
		header int
	}{
		"IPv4": {madeFrame(t, madeEthernet(0x8100), &layers.Dot1Q{Type: 0x0800}, made4(6), madeTCP(1), gopacket.Payload("payload")), 14 + 4 + 20 + 20},
		"IPv6": {madeFrame(t, madeEthernet(0x86dd), made6(0), madeOptions(6, 3), madeTCP(1), gopacket.Payload("payload")), 14 + 40 + 32 + 20},
	} {
		for n := range len(c.frame) + 1 {
			p, info := decodeOne(t, linkEthernet, c.frame[:n], len(c.frame))
			if n < c.header {
				require.Equal(t, 1, info.Damaged, "%s: %d bytes", name, n)
				continue
			}
			require.Equal(t, 7, p.Length, "%s: %d bytes", name, n)
			require.Equal(t, "payload"[:min(n-c.header, 7)], string(p.Payload))
			require.Equal(t, len(c.frame), p.FrameLength)
		}
	}
}

// However short a header is captured, there is a packet from its 20 bytes on,
// and it knows whether options are missing.
func TestReadPcapngOptionsCutShort(t *testing.T) {
	tcp := madeTCP(1)
	tcp.Options = madeTimestamps(7)
	frame := madeFrame(t, made4(6), tcp, gopacket.Payload("payload"))
	for n := 40; n <= len(frame); n++ {
		p, _ := decodeOne(t, linkRaw, frame[:n], len(frame))
		require.Equal(t, uint8(32), p.HeaderLength)
		require.Equal(t, 7, p.Length)
		require.True(t, bytes.Equal(frame[40:min(n, 52)], p.Options), "%d bytes", n)
		require.Equal(t, n < 52, p.OptionsCutShort(), "%d bytes", n)
		require.Len(t, p.Payload, max(0, n-52))
	}
	p, _ := decodeOne(t, linkRaw, madeFrame(t, made4(6), madeTCP(1)), 40)
	require.Equal(t, uint8(20), p.HeaderLength)
	require.Empty(t, p.Options)
	require.False(t, p.OptionsCutShort(), "there are none")
}

func TestReadPcapngDamaged(t *testing.T) {
	whole4 := madeFrame(t, made4(6), madeTCP(1), gopacket.Payload("payload"))
	whole6 := madeFrame(t, made6(6), madeTCP(1), gopacket.Payload("payload"))
	for name, c := range map[string]struct {
		frame []byte
		at    int
		value byte
	}{
		"a short header":                 {whole4, 0, 0x44},
		"less than its header":           {whole4, 3, 19},
		"less than a TCP header":         {whole4, 3, 39},
		"more than the frame":            {whole4, 3, 48},
		"a short TCP header":             {whole4, 32, 0x40},
		"a TCP header beyond the packet": {whole4, 32, 0xf0},
		"more than the frame in IPv6":    {whole6, 5, 28},
		"less than a TCP header in IPv6": {whole6, 5, 19},
		"a TCP header beyond in IPv6":    {whole6, 52, 0xf0},
	} {
		t.Run(name, func(t *testing.T) {
			_, info := decodeOne(t, linkRaw, c.frame, len(c.frame))
			require.Zero(t, info.Damaged, "the control")
			broken := bytes.Clone(c.frame)
			broken[c.at] = c.value
			_, info = decodeOne(t, linkRaw, broken, len(broken))
			assert.Equal(t, 1, info.Damaged)
		})
	}
	for name, link := range map[string]uint16{"empty raw": linkRaw, "empty Ethernet": linkEthernet, "empty loopback": linkNull} {
		_, info := decodeOne(t, link, nil, 0)
		assert.Equal(t, 1, info.Damaged, name)
	}
	_, info := decodeOne(t, 12345, whole4, len(whole4))
	assert.Equal(t, 1, info.Other, "a link type that is not read")
}
