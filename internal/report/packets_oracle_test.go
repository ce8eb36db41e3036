package report

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// tshark prints our lines, byte for byte, for the same capture.
func TestPacketsAsTsharkPrintsThem(t *testing.T) {
	file := captureFile(t, framesOf(t, oraclePackets()))
	requireSameLines(t, tsharkLines(t, file), packetLines(t, readCapture(t, file)))
}

// requireSameLines compares line by line: all at once are too many to be read.
func requireSameLines(t *testing.T, theirs, ours []string) {
	t.Helper()
	require.Len(t, ours, len(theirs))
	for i := range ours {
		require.Equal(t, theirs[i], ours[i])
	}
}

// The control: one wrong number, and the lines differ.
func TestPacketsNotAsTsharkPrintsThem(t *testing.T) {
	file := captureFile(t, framesOf(t, oraclePackets()))
	theirs := tsharkLines(t, file)
	requireSameLines(t, theirs, packetLines(t, readCapture(t, file)))
	for name, wrong := range map[string]func(p *evidence.Packet){
		"sequence number": func(p *evidence.Packet) { p.Seq++ },
		"window":          func(p *evidence.Packet) { p.Window++ },
		"options":         func(p *evidence.Packet) { p.Options = nil },
		"time":            func(p *evidence.Packet) { p.Time = p.Time.Add(1) },
		"flags":           func(p *evidence.Packet) { p.Flags |= evidence.AE },
	} {
		packets := readCapture(t, file)
		wrong(&packets[5])
		ours := packetLines(t, packets)
		require.Equal(t, theirs[4], ours[4], name)
		require.NotEqual(t, theirs[5], ours[5], name)
	}
}

// A window scale counts only when the capture has it from both sides.
func TestWindowScaleAsTsharkAppliesIt(t *testing.T) {
	with := []byte{1, 3, 3, 7}
	cases := []struct {
		name        string
		syn, answer []byte
		first       int    // of the connection's packets to be captured
		want        string // of the client's data, the fourth packet
	}{
		{"both", with, with, 0, " Win=64256 "},
		{"more than RFC 7323 has", []byte{1, 3, 3, 255}, with, 0, " Win=8224768 "},
		{"neither", nil, nil, 0, " Win=502 "},
		{"only the client", with, nil, 0, " Win=502 "},
		{"only the server", nil, with, 0, " Win=502 "},
		{"of a wrong length", []byte{3, 4, 7, 7}, with, 0, " Win=502 "},
		{"behind the end", []byte{0, 3, 3, 7}, with, 0, " Win=502 "},
		{"the SYN was not captured", with, with, 1, " Win=502 "},
		{"no handshake captured", with, with, 2, " Win=502 "},
	}
	var packets []evidence.Packet
	var data []int // where each case's fourth packet is
	for i, c := range cases {
		talk := conversation(netip.AddrPortFrom(end("10.12.4.10:0").Addr(), uint16(40992+i)), serverEnd, "message", 4)
		talk[0].Options, talk[1].Options = c.syn, c.answer
		data = append(data, len(packets)+3-c.first)
		packets = append(packets, talk[c.first:]...)
	}
	file := captureFile(t, framesOf(t, packets))
	ours := packetLines(t, readCapture(t, file))
	requireSameLines(t, tsharkLines(t, file), ours)
	for i, c := range cases {
		require.Contains(t, ours[data[i]], c.want, c.name)
	}
}

// However short a SYN was captured, the options that it has are printed, and
// its window scale is not taken for missing.
func TestPacketsCutShortAsTsharkPrintsThem(t *testing.T) {
	const headers = 14 + 20 + 20
	var frames []frame
	for cut := range 21 {
		client := netip.AddrPortFrom(end("10.12.4.10:0").Addr(), uint16(40992+cut))
		talk := framesOf(t, conversation(client, serverEnd, "", 4)[:3])
		talk[0].bytes = talk[0].bytes[:headers+cut]
		frames = append(frames, talk...)
	}
	file := captureFile(t, frames)
	requireSameLines(t, tsharkLines(t, file), packetLines(t, readCapture(t, file)))
}

// Whatever comes, and in whichever order, tshark prints our lines for it.
func TestPacketsAtRandomAsTsharkPrintsThem(t *testing.T) {
	random := rand.New(rand.NewPCG(7323, 9293))
	packets := make([]evidence.Packet, 4000)
	for i := range packets {
		packets[i] = randomPacket(random)
		packets[i].Time = sampleStart.Add(time.Duration(i) * time.Millisecond)
	}
	file := captureFile(t, framesOf(t, packets))
	requireSameLines(t, tsharkLines(t, file), packetLines(t, readCapture(t, file)))
}

// randomPacket is a segment between few endpoints, with few numbers, any flags
// and options that may be anything but malformed.
func randomPacket(random *rand.Rand) evidence.Packet {
	p := evidence.Packet{
		Source: netip.AddrPortFrom(end("10.12.4.10:0").Addr(), uint16(40992+random.IntN(20))), Destination: serverEnd,
		Seq: 1<<32 - 2 + uint32(random.IntN(5)), Ack: uint32(random.IntN(5)),
		Window: uint16(random.Uint32()), Urgent: uint16(random.Uint32()),
		Flags: []evidence.Flags{
			evidence.SYN, evidence.SYN | evidence.ACK, evidence.ACK, evidence.PSH | evidence.ACK,
			evidence.FIN | evidence.ACK, evidence.RST, evidence.RST | evidence.ACK, evidence.Flags(random.IntN(1 << 6)),
		}[random.IntN(8)],
	}
	if random.IntN(2) == 0 {
		p.Source, p.Destination = p.Destination, p.Source
	}
	choices := [][]byte{
		{1},
		{2, 4, 5, 180},
		{3, 3, byte(random.IntN(16))},
		{3, 3, byte(random.IntN(16))},
		{4, 2},
		{8, 10, 0, 0, 0, 9, 1, 2, 3, 4},
		{5, 10, 0, 0, 0, 5, 0, 0, 0, 9},
		{0},
		{34, 2},
		{2, 40},
		{3, 1},
		{byte(80 + random.IntN(80)), 3, byte(random.Uint32())},
	}
	for range random.IntN(4) {
		p.Options = append(p.Options, choices[random.IntN(len(choices))]...)
	}
	return p
}

var (
	finding = regexp.MustCompile(` \[TCP [A-Z][^]]*\]`)
	trouble = regexp.MustCompile(`\[(Packet size limited during capture|Malformed Packet)\]$`)
)

// tsharkLines are what tshark prints for a capture, without its remarks.
func tsharkLines(t *testing.T, file string) []string {
	t.Helper()
	text := strings.TrimSuffix(tool(t, "tshark", "-n", "-r", file), "\n")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = trouble.ReplaceAllString(finding.ReplaceAllString(line, ""), "")
	}
	return lines
}

func readCapture(t *testing.T, name string) []evidence.Packet {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	var packets []evidence.Packet
	_, err = evidence.ReadPcapng(file, func(p evidence.Packet) error {
		packets = append(packets, p)
		return nil
	})
	require.NoError(t, err)
	return packets
}

func packetLines(t *testing.T, packets []evidence.Packet) []string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Packets(&b, "", packets))
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	return lines[1:]
}
