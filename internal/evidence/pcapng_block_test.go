package evidence

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Wherever a file is cut, the packets before the cut are read, and the cut is
// told unless it is between two blocks.
func TestReadPcapngCutShort(t *testing.T) {
	file, err := os.ReadFile("testdata/pcapng/ours.pcapng")
	require.NoError(t, err)
	whole, _, err := readAll(file)
	require.NoError(t, err)
	require.Len(t, whole, 38)
	blocks := map[int]bool{}
	for at := 0; at < len(file); at += int(binary.LittleEndian.Uint32(file[at+4:])) {
		blocks[at] = true
	}
	start := 0
	for n := range len(file) {
		packets, info, err := readAll(file[:n])
		require.Equal(t, info.Frames, len(packets))
		if len(packets) > 0 {
			require.Equal(t, whole[:len(packets)], packets)
		}
		if blocks[n] {
			start = n
		}
		if blocks[n] && n > 0 {
			require.NoError(t, err, "%d bytes", n)
			require.False(t, info.Closed())
			continue
		}
		require.ErrorIs(t, err, ErrCutShort)
		require.ErrorContains(t, err, fmt.Sprintf("at byte %d", start))
	}
}

func TestReadPcapngRefuses(t *testing.T) {
	file := func(add func(*made)) []byte {
		m := &made{order: binary.LittleEndian}
		m.section()
		m.describe(linkEthernet, "lo")
		add(m)
		return m.b
	}
	for _, c := range []struct {
		says string
		file []byte
	}{
		{"the file is no pcapng", []byte("{\"json\": true, \"x\": 1}")},
		{"at byte 0: a section has no byte order", []byte("\n\r\r\n\x1c\x00\x00\x00abcdefghijklmnop\x1c\x00\x00\x00")},
		{"at byte 0: a section has version 2", func() []byte {
			m := &made{order: binary.BigEndian}
			m.block(blockSection, uint32(byteOrderMagic), uint16(2), uint16(0), ^uint64(0))
			return m.b
		}()},
		{"a block has a length of 8", file(func(m *made) { m.b = append(m.b, m.numbers(uint32(6), uint32(8), uint64(0))...) })},
		{"a block has a length of 33", file(func(m *made) { m.b = append(m.b, m.numbers(uint32(6), uint32(33), uint64(0))...) })},
		{"a block of 4294967292 bytes is too long", file(func(m *made) { m.b = append(m.b, m.numbers(uint32(6), ^uint32(3), uint64(0))...) })},
		{"a block has two lengths", file(func(m *made) { m.block(blockPacket, uint64(0)); m.b[len(m.b)-4]++ })},
		{"an interface is too short", file(func(m *made) { m.block(blockInterface, uint32(0)) })},
		{"an option is longer than its block", file(func(m *made) { m.block(blockInterface, uint64(0), uint16(2), uint16(9), []byte("short")) })},
		{"impossible resolution", file(func(m *made) { m.describe(1, "lo", m.option(9, 20)...) })},
		{"impossible resolution", file(func(m *made) { m.describe(1, "lo", m.option(9, 0x80|64)...) })},
		{"a statistics block is too short", file(func(m *made) { m.block(blockStatistics, uint64(0)) })},
		{"there is no interface 1", file(func(m *made) { m.block(blockStatistics, uint32(1), uint64(0)) })},
		{"there is no interface 4294967295", file(func(m *made) { m.packet(^uint32(0), 0, nil) })},
		{"there is no interface 0", file(func(m *made) { m.section(); m.packet(0, 0, nil) })},
		{"there is no interface 0", file(func(m *made) { m.section(); m.block(blockSimple, uint32(0)) })},
		{"a packet is too short", file(func(m *made) { m.block(blockPacket, uint64(0)) })},
		{"a packet is too short", file(func(m *made) { m.block(blockSimple) })},
		{"a packet is longer than its block", file(func(m *made) { m.block(blockPacket, uint32(0), uint64(0), ^uint32(0), uint32(0)) })},
	} {
		t.Run(c.says, func(t *testing.T) {
			packets, _, err := readAll(c.file)
			require.Empty(t, packets)
			require.ErrorContains(t, err, c.says)
			require.NotErrorIs(t, err, ErrCutShort)
		})
	}
}

func TestReadPcapngSkipsLongBlocksThatSayNothing(t *testing.T) {
	m := &made{order: binary.LittleEndian}
	m.section()
	m.block(10, make([]byte, 3<<20))
	m.describe(linkRaw, "tun")
	m.packet(0, 0, madeFrame(t, made4(6), madeTCP(1)))
	packets, _, err := readAll(m.b)
	require.NoError(t, err)
	require.Len(t, packets, 1)
	_, _, err = readAll(m.b[:2<<20])
	require.ErrorIs(t, err, ErrCutShort)
}

var errEnough = errors.New("enough")

func TestReadPcapngReturnsErrorsAsTheyAre(t *testing.T) {
	file, err := os.ReadFile("testdata/pcapng/ours.pcapng")
	require.NoError(t, err)
	for _, want := range []error{errEnough, io.EOF, io.ErrUnexpectedEOF} {
		_, err = ReadPcapng(bytes.NewReader(file), func(Packet) error { return want })
		require.Equal(t, want, err)
	}
	_, err = ReadPcapng(io.MultiReader(bytes.NewReader(file[:500]), iotest.ErrReader(errEnough)), func(Packet) error { return nil })
	require.ErrorIs(t, err, errEnough)
	_, err = ReadPcapng(iotest.OneByteReader(bytes.NewReader(file)), func(Packet) error { return nil })
	require.NoError(t, err)
}

// A second section has interfaces of its own, and may have the other byte order.
func TestReadPcapngSections(t *testing.T) {
	m := &made{order: binary.LittleEndian}
	frame := madeFrame(t, made4(6), madeTCP(1))
	m.section()
	m.describe(linkEthernet, "first")
	m.order = binary.BigEndian
	m.section()
	m.describe(linkRaw, "second")
	m.packet(0, 5e6, frame)
	m.block(blockSimple, uint32(len(frame)), frame)
	packets, info, err := readAll(m.b)
	require.NoError(t, err)
	require.Len(t, packets, 2)
	require.Len(t, info.Interfaces, 2)
	for _, p := range packets {
		assert.Equal(t, "second", p.Interface)
	}
	assert.Equal(t, int64(5), packets[0].Time.Unix())
	assert.True(t, packets[1].Time.IsZero(), "a simple packet block has no time")
	assert.False(t, info.Closed())
}

func TestReadPcapngStatistics(t *testing.T) {
	m := &made{order: binary.LittleEndian}
	m.section()
	m.describe(linkRaw, "a")
	m.describe(linkRaw, "b")
	for id, options := range [][]byte{
		append(m.option(4, m.numbers(uint64(10))...), append(m.option(5, m.numbers(uint64(2))...), m.option(7, m.numbers(uint64(3))...)...)...),
		m.option(1, []byte("nothing is known")...),
	} {
		_, before, err := readAll(m.b)
		require.NoError(t, err)
		require.False(t, before.Closed())
		m.block(blockStatistics, uint32(id), uint64(0), options, uint32(0))
	}
	_, info, err := readAll(m.b)
	require.NoError(t, err)
	assert.True(t, info.Closed())
	assert.Equal(t, uint64(5), info.Dropped())
	assert.Equal(t, number(10), info.Interfaces[0].Statistics.Received)
	assert.Equal(t, &CaptureStatistics{}, info.Interfaces[1].Statistics)
}

// Times are those of the interface's own resolution and offset.
func TestReadPcapngTimes(t *testing.T) {
	at := time.Date(2026, 11, 23, 4, 5, 6, 500_000_000, time.UTC)
	seconds := uint64(at.Unix())
	for name, c := range map[string]struct {
		options []byte
		ticks   uint64
	}{
		"microseconds by default": {nil, seconds*1e6 + 500_000},
		"seconds":                 {[]byte{9, 0, 1, 0, 0, 0, 0, 0}, seconds},
		"milliseconds":            {[]byte{9, 0, 1, 0, 3, 0, 0, 0}, seconds*1000 + 500},
		"nanoseconds":             {[]byte{9, 0, 1, 0, 9, 0, 0, 0}, seconds*1e9 + 500_000_000},
		"half seconds":            {[]byte{9, 0, 1, 0, 0x81, 0, 0, 0}, seconds*2 + 1},
		"1/1024 s":                {[]byte{9, 0, 1, 0, 0x8a, 0, 0, 0}, seconds*1024 + 512},
		"2^-32 s":                 {[]byte{9, 0, 1, 0, 0xa0, 0, 0, 0}, seconds<<32 + 1<<31},
		"an hour before":          {[]byte{14, 0, 8, 0, 0xf0, 0xf1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, (seconds+3600)*1e6 + 500_000},
	} {
		t.Run(name, func(t *testing.T) {
			m := &made{order: binary.LittleEndian}
			m.section()
			m.describe(linkRaw, "tun", c.options...)
			m.packet(0, c.ticks, madeFrame(t, made4(6), madeTCP(1)))
			packets, _, err := readAll(m.b)
			require.NoError(t, err)
			want := at
			if name == "seconds" {
				want = at.Truncate(time.Second)
			}
			assert.Equal(t, want, packets[0].Time.UTC())
		})
	}
}
