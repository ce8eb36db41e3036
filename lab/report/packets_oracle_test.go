package report

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/lab/evidence"
)

// tshark's lines for the same packets begin as ours do, up to Len=. The packets
// have the options that Linux sends, so that tshark scales the windows.
func TestPacketsAsTsharkPrintsThem(t *testing.T) {
	packets := oraclePackets()
	ours, theirs := packetLines(t, packets), tsharkLines(t, packets)
	require.Len(t, theirs, len(ours))
	for i := range ours {
		require.Equal(t, untilLength(theirs[i], ours[i]), ours[i])
	}
}

// The control: one wrong number, and the lines differ.
func TestPacketsNotAsTsharkPrintsThem(t *testing.T) {
	packets := oraclePackets()
	theirs := tsharkLines(t, packets)
	packets[5].Seq++
	ours := packetLines(t, packets)
	require.Equal(t, untilLength(theirs[0], ours[0]), ours[0])
	require.NotEqual(t, untilLength(theirs[5], ours[5]), ours[5])
}

func tsharkLines(t *testing.T, packets []evidence.Packet) []string {
	t.Helper()
	text := tool(t, "tshark", "-n", "-r", captureFile(t, packets))
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func packetLines(t *testing.T, packets []evidence.Packet) []string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Packets(&b, "", packets))
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	return lines[1:]
}

var (
	length  = regexp.MustCompile(` Len=\d+`)
	window  = regexp.MustCompile(` Win=\d+`)
	urgent  = regexp.MustCompile(` Urg=\d+`)
	finding = regexp.MustCompile(` \[TCP [A-Z][^]]*\]`)
)

// untilLength cuts tshark's line behind Len=, and leaves out what we do not
// print: its findings, Urg=, and Win= where our line has none.
func untilLength(theirs, ours string) string {
	if at := length.FindStringIndex(theirs); at != nil {
		theirs = theirs[:at[1]]
	}
	if !strings.Contains(ours, " Win=") {
		theirs = window.ReplaceAllString(theirs, "")
	}
	theirs = urgent.ReplaceAllString(theirs, "")
	return finding.ReplaceAllString(theirs, "")
}

// oraclePackets are three connections at once, and then one of each kind.
func oraclePackets() []evidence.Packet {
	packets := sampleRun(visits()).Hosts["server"].Packets
	six := conversation(end("[2001:db8:1::10]:40992"), end("[2001:db8::10]:12000"), "Hello from the cafe", 1)
	for i := range six {
		six[i].FrameLength += 20
	}
	packets = append(packets, six...)
	packets = append(packets, conversation(end("10.12.4.10:1"), serverEnd, "begun before the capture", 4)[3:]...)
	packets = append(packets, refusal(end("10.12.5.10:2"))...)
	packets = append(packets, allFlags(end("10.12.6.10:3"))...)
	packets = append(packets, samePortsAgain(end("10.12.7.10:4"))...)
	for i := range packets {
		packets[i].Number = i + 1
	}
	return packets
}

// refusal is a SYN and the reset that answers it.
func refusal(client netip.AddrPort) []evidence.Packet {
	p := conversation(client, serverEnd, "", 5)[0]
	q := p
	q.Source, q.Destination = p.Destination, p.Source
	q.Flags, q.Seq, q.Ack, q.Window, q.FrameLength = evidence.RST|evidence.ACK, 0, p.Seq+1, 0, 60
	return []evidence.Packet{p, q}
}

// allFlags has a segment with each flag alone, and one without any, a long time
// apart.
func allFlags(client netip.AddrPort) []evidence.Packet {
	packets := conversation(client, serverEnd, "", 6)[:3]
	for bit := range 9 {
		p := packets[2]
		p.Flags = evidence.Flags(1 << bit)
		p.Time = p.Time.Add(time.Duration(bit) * 40 * time.Second)
		if p.Flags != evidence.SYN && p.Flags != evidence.RST {
			packets = append(packets, p)
		}
	}
	return packets
}

// samePortsAgain has a second connection with the same four-tuple.
func samePortsAgain(client netip.AddrPort) []evidence.Packet {
	packets := conversation(client, serverEnd, "first", 7)
	for _, p := range conversation(client, serverEnd, "second", 8) {
		if p.Source == client {
			p.Seq += 7_000_000
		} else {
			p.Ack += 7_000_000
		}
		if p.Flags == evidence.SYN {
			p.Ack = 0
		}
		packets = append(packets, p)
	}
	return packets
}

// captureFile writes packets as frames into a pcapng file.
func captureFile(t *testing.T, packets []evidence.Packet) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "host.pcapng")
	file, err := os.Create(path)
	require.NoError(t, err)
	w, err := pcapgo.NewNgWriter(file, layers.LinkTypeEthernet)
	require.NoError(t, err)
	for _, p := range packets {
		frame := frameOf(t, p)
		require.Len(t, frame, p.FrameLength)
		info := gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(frame), Length: len(frame)}
		require.NoError(t, w.WritePacket(info, frame))
	}
	require.NoError(t, w.Flush())
	require.NoError(t, file.Close())
	return path
}

func frameOf(t *testing.T, p evidence.Packet) []byte {
	t.Helper()
	ethernet := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(p.Source.Port()), DstPort: layers.TCPPort(p.Destination.Port()),
		Seq: p.Seq, Ack: p.Ack, Window: p.Window,
		FIN: p.Flags.Has(evidence.FIN), SYN: p.Flags.Has(evidence.SYN), RST: p.Flags.Has(evidence.RST), PSH: p.Flags.Has(evidence.PSH),
		ACK: p.Flags.Has(evidence.ACK), URG: p.Flags.Has(evidence.URG), ECE: p.Flags.Has(evidence.ECE), CWR: p.Flags.Has(evidence.CWR),
		Options: optionsOf(p),
	}
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if p.Source.Addr().Is6() {
		ethernet.EthernetType = layers.EthernetTypeIPv6
		ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP, SrcIP: bytesOf(p.Source), DstIP: bytesOf(p.Destination)}
		require.NoError(t, tcp.SetNetworkLayerForChecksum(ip))
		require.NoError(t, gopacket.SerializeLayers(b, o, ethernet, ip, tcp, gopacket.Payload(p.Payload)))
		return b.Bytes()
	}
	ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: bytesOf(p.Source), DstIP: bytesOf(p.Destination)}
	require.NoError(t, tcp.SetNetworkLayerForChecksum(ip))
	require.NoError(t, gopacket.SerializeLayers(b, o, ethernet, ip, tcp, gopacket.Payload(p.Payload)))
	return b.Bytes()
}

func bytesOf(e netip.AddrPort) net.IP { return e.Addr().AsSlice() }

// optionsOf are 20 bytes in a SYN, none in a reset, 12 in any other segment.
func optionsOf(p evidence.Packet) []layers.TCPOption {
	stamp := layers.TCPOption{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: make([]byte, 8)}
	pad := layers.TCPOption{OptionType: layers.TCPOptionKindNop}
	switch {
	case p.Flags.Has(evidence.SYN):
		return []layers.TCPOption{
			{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 180}},
			{OptionType: layers.TCPOptionKindSACKPermitted, OptionLength: 2},
			stamp, pad,
			{OptionType: layers.TCPOptionKindWindowScale, OptionLength: 3, OptionData: []byte{7}},
		}
	case p.Flags.Has(evidence.RST):
		return nil
	}
	return []layers.TCPOption{pad, pad, stamp}
}
