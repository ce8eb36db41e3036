package evidence

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what tshark reads from the captures anew")

// asTshark prints what tsharkFields are of a segment.
func asTshark(p Packet) string {
	address := func(s string, is4 bool) string {
		if is4 {
			return s + "\t"
		}
		return "\t" + s
	}
	if p.Interface == "" {
		p.Interface = "unknown"
	}
	return fmt.Sprintf("%d\t%d.%09d\t%s\t%d\t%s\t%s\t%d\t%s\t%d\t0x%04x\t%d\t%d\t%d\t%d\t%x",
		p.Number, p.Time.Unix(), p.Time.Nanosecond(), p.Interface, p.FrameLength, address(fmt.Sprint(p.TTL), p.Source.Addr().Is4()),
		address(p.Source.Addr().String(), p.Source.Addr().Is4()), p.Source.Port(),
		address(p.Destination.Addr().String(), p.Destination.Addr().Is4()), p.Destination.Port(),
		uint16(p.Flags), p.Seq, p.Ack, p.Window, p.Length, p.Payload)
}

var tsharkFields = []string{
	"frame.number", "frame.time_epoch", "frame.interface_name", "frame.len", "ip.ttl", "ipv6.hlim", "ip.src", "ipv6.src", "tcp.srcport",
	"ip.dst", "ipv6.dst", "tcp.dstport", "tcp.flags", "tcp.seq", "tcp.ack_raw", "tcp.window_size_value", "tcp.len", "tcp.payload",
}

// byTshark is what tshark reads from a capture.
func byTshark(t *testing.T, name string) []byte {
	t.Helper()
	args := []string{"-n", "-r", name, "-Y", "tcp and not icmp and not icmpv6", "-T", "fields", "-E", "occurrence=f", "-o", "tcp.relative_sequence_numbers:false"}
	for _, f := range tsharkFields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	require.NoError(t, err)
	return out
}

// The captures were written by this project, by dumpcap and by
// tcpdump; beside each is what tshark reads from it.
func TestReadCaptureAsTsharkDoes(t *testing.T) {
	captures, err := filepath.Glob("testdata/pcapng/*.pcapng")
	require.NoError(t, err)
	require.Len(t, captures, 3)
	for _, name := range captures {
		t.Run(filepath.Base(name), func(t *testing.T) {
			golden := strings.TrimSuffix(name, ".pcapng") + ".tshark"
			if *update {
				require.NoError(t, os.WriteFile(golden, byTshark(t, name), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			file, err := os.ReadFile(name)
			require.NoError(t, err)
			c := readCapture(bytes.NewReader(file), 0)
			assert.Empty(t, c.defect)
			assert.Equal(t, 38, c.frames)
			var got []string
			for _, p := range c.packets {
				if p.Protocol == TCP {
					got = append(got, asTshark(p))
				}
			}
			assert.Equal(t, strings.Split(strings.TrimSuffix(string(want), "\n"), "\n"), got)
			require.Len(t, c.packets, 38)
			if len(got) == 38 {
				return
			}
			// The others have a datagram to a port that nobody has.
			datagram, refused := c.packets[36], c.packets[37]
			assert.Equal(t, UDP, datagram.Protocol)
			assert.Equal(t, "datagram", string(datagram.Payload))
			assert.Equal(t, uint16(9), datagram.Destination.Port())
			assert.Equal(t, ICMP, refused.Protocol)
			assert.Equal(t, "ECONNREFUSED", refused.ICMP)
			assert.Equal(t, UDP, refused.QuotedProtocol)
			assert.Equal(t, datagram.Tuple(), refused.Quoted)
			assert.Equal(t, 36, refused.Length)
		})
	}
}

// A made capture has the interfaces lo and eth0, a segment of each kind of IP
// on eth0, an ARP request between them, and the statistics of both.
type made struct {
	file     bytes.Buffer
	w        *pcapgo.NgWriter
	received [2]uint64
}

var ethernet = layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}

func serialize(t testing.TB, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buffer := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, l...))
	return buffer.Bytes()
}

func segment4(t testing.TB, payload string) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 63, Protocol: layers.IPProtocolTCP, SrcIP: []byte{10, 12, 1, 10}, DstIP: []byte{10, 12, 0, 10}}
	return serialize(t, &ethernet, ip, &layers.TCP{SrcPort: 40001, DstPort: 12000, PSH: true, ACK: true, Seq: 7}, gopacket.Payload(payload))
}

func segment6(t testing.TB, payload string) []byte {
	e := ethernet
	e.EthernetType = layers.EthernetTypeIPv6
	ip := &layers.IPv6{Version: 6, HopLimit: 62, NextHeader: layers.IPProtocolTCP, SrcIP: bytes.Repeat([]byte{1}, 16), DstIP: bytes.Repeat([]byte{2}, 16)}
	return serialize(t, &e, ip, &layers.TCP{SrcPort: 1, DstPort: 2, SYN: true}, gopacket.Payload(payload))
}

func arp(t testing.TB) []byte {
	e := ethernet
	e.EthernetType = layers.EthernetTypeARP
	return serialize(t, &e, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
		SourceHwAddress: make([]byte, 6), SourceProtAddress: make([]byte, 4), DstHwAddress: make([]byte, 6), DstProtAddress: make([]byte, 4),
	})
}

func makeCapture(t testing.TB) *made {
	t.Helper()
	m := &made{}
	var err error
	m.w, err = pcapgo.NewNgWriterInterface(&m.file, pcapgo.NgInterface{Name: "lo", LinkType: layers.LinkTypeEthernet}, pcapgo.NgWriterOptions{})
	require.NoError(t, err)
	_, err = m.w.AddInterface(pcapgo.NgInterface{Name: "eth0", LinkType: layers.LinkTypeEthernet})
	require.NoError(t, err)
	return m
}

func (m *made) packet(t testing.TB, on int, frame []byte, length int) {
	t.Helper()
	m.received[on]++
	flags := &pcapgo.NgEpbFlags{Direction: pcapgo.NgEpbFlagDirectionOutbound}
	info := gopacket.CaptureInfo{Timestamp: time.Unix(1795408627, 5), CaptureLength: len(frame), Length: length, InterfaceIndex: on}
	require.NoError(t, m.w.WritePacketWithOptions(info, frame, pcapgo.NgPacketOptions{Flags: flags}))
}

func (m *made) ends(t testing.TB, on int, received, dropped uint64) {
	t.Helper()
	require.NoError(t, m.w.WriteInterfaceStats(on, pcapgo.NgInterfaceStatistics{PacketsReceived: received, PacketsDropped: dropped}))
}

func (m *made) bytes(t testing.TB) []byte {
	t.Helper()
	require.NoError(t, m.w.Flush())
	return m.file.Bytes()
}

func TestReadCapture(t *testing.T) {
	const none = pcapgo.NgNoValue64
	closeBoth := func(t *testing.T, m *made) {
		m.ends(t, 0, m.received[0], 0)
		m.ends(t, 1, m.received[1], none)
	}
	frame := segment4(t, "hello")
	change := func(at int, b ...byte) []byte {
		changed := bytes.Clone(frame)
		copy(changed[at:], b)
		return changed
	}
	for name, c := range map[string]struct {
		write   func(*testing.T, *made)
		packets int
		want    string
	}{
		"whole": {func(t *testing.T, m *made) {
			m.packet(t, 1, frame, len(frame))
			m.packet(t, 1, arp(t), 60)
			m.packet(t, 1, segment6(t, "hello"), len(segment6(t, "hello")))
			closeBoth(t, m)
		}, 2, ""},
		"not closed":       {func(t *testing.T, m *made) { m.ends(t, 0, 0, 0) }, 0, `was not closed: packets on "eth0" may be missing`},
		"drops":            {func(t *testing.T, m *made) { m.ends(t, 0, 0, 1); m.ends(t, 1, 0, none) }, 0, "lacks packets that the kernel dropped"},
		"drops that wrap":  {func(t *testing.T, m *made) { m.ends(t, 0, 0, 1<<63); m.ends(t, 1, 0, 1<<63) }, 0, "lacks packets that the kernel dropped"},
		"no drops counted": {func(t *testing.T, m *made) { m.ends(t, 0, 0, none); m.ends(t, 1, 0, none) }, 0, "lacks packets that the kernel dropped"},
		"one packet less":  {func(t *testing.T, m *made) { m.ends(t, 0, 1, 0); m.ends(t, 1, 0, 0) }, 0, `has 0 packets of "lo", which had 1`},
		"ends twice":       {func(t *testing.T, m *made) { closeBoth(t, m); m.ends(t, 1, 0, 0) }, 0, "has the statistics of interface 1 twice"},
		"a piece captured": {func(t *testing.T, m *made) { m.packet(t, 1, frame[:56], len(frame)); closeBoth(t, m) }, 1, ""},
		"IP too long":      {func(t *testing.T, m *made) { m.packet(t, 1, change(16, 1, 0), len(frame)); closeBoth(t, m) }, 0, "after packet 1: its headers say more bytes than there are"},
		"TCP too long":     {func(t *testing.T, m *made) { m.packet(t, 1, change(46, 0xf0), len(frame)); closeBoth(t, m) }, 0, "after packet 1: TCP data offset greater than packet length"},
		"a fragment":       {func(t *testing.T, m *made) { m.packet(t, 1, change(20, 0x20), len(frame)); closeBoth(t, m) }, 0, "after packet 1: a fragment of a packet of TCP, and fragments are not put together"},
		"another link": {func(t *testing.T, m *made) {
			_, err := m.w.AddInterface(pcapgo.NgInterface{Name: "tun0", LinkType: layers.LinkTypeRaw})
			require.NoError(t, err)
			m.packet(t, 0, frame, len(frame))
			m.received[0]--
			require.NoError(t, m.w.WritePacket(gopacket.CaptureInfo{CaptureLength: 20, Length: 20, InterfaceIndex: 2}, make([]byte, 20)))
		}, 1, `after packet 2: "tun0" is no Ethernet`},
	} {
		t.Run(name, func(t *testing.T) {
			m := makeCapture(t)
			c.write(t, m)
			got := readCapture(bytes.NewReader(m.bytes(t)), 0)
			got.check([]Interface{{Name: "eth0"}, {Name: "lo"}})
			if c.want == "" {
				assert.Empty(t, got.defect)
			} else {
				assert.Contains(t, got.defect, c.want)
			}
			require.Len(t, got.packets, c.packets)
			for _, p := range got.packets {
				assert.True(t, p.Outgoing)
				assert.Equal(t, 5, p.Length)
			}
		})
	}
}

// What is no capture, or only part of one, is said to be so.
func TestReadCaptureOfPieces(t *testing.T) {
	m := makeCapture(t)
	m.packet(t, 1, segment4(t, "hello"), len(segment4(t, "hello")))
	m.ends(t, 0, 0, 0)
	m.ends(t, 1, 1, 0)
	whole := m.bytes(t)
	interfaces := []Interface{{Name: "lo"}, {Name: "eth0"}}
	for n := range whole {
		c := readCapture(bytes.NewReader(whole[:n]), 0)
		c.check(interfaces)
		require.NotEmpty(t, c.defect, "%d of %d bytes", n, len(whole))
	}
	c := readCapture(bytes.NewReader(append(bytes.Clone(whole), whole...)), 0)
	assert.Equal(t, "has more than one section", c.defect)
	c = readCapture(bytes.NewReader([]byte{0x1f, 0x8b, 8, 0}), 0)
	assert.Equal(t, "is no pcapng file", c.defect, "nothing is unpacked")
	c = readCapture(bytes.NewReader(whole), 0)
	c.check(interfaces[:1])
	assert.Equal(t, `is of the interfaces ["eth0" "lo"], the host has ["lo"]`, c.defect)
}

func FuzzReadCapture(f *testing.F) {
	captures, err := filepath.Glob("testdata/pcapng/*.pcapng")
	require.NoError(f, err)
	for _, name := range captures {
		file, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(file[:min(len(file), 2000)])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		c := readCapture(bytes.NewReader(file), 0)
		c.check(nil)
		captured := 0
		for i, p := range c.packets {
			captured += len(p.Payload)
			if p.Length < len(p.Payload) || p.Number <= i || p.Number > c.frames || !p.Tuple().Source.IsValid() || !p.Destination.IsValid() {
				t.Fatalf("impossible packet %+v", p)
			}
		}
		if captured > len(file) {
			t.Fatalf("%d bytes of payload in a file of %d", captured, len(file))
		}
	})
}

// BenchmarkReadCapture reads 500,000 packets of an echo conversation.
func BenchmarkReadCapture(b *testing.B) {
	m := makeCapture(b)
	frame := segment4(b, "hello, world")
	for range 500_000 {
		m.packet(b, 1, frame, len(frame))
	}
	file := m.bytes(b)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		require.Len(b, readCapture(bytes.NewReader(file), 500_000).packets, 500_000)
	}
}
