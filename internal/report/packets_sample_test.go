package report

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// oraclePackets are three connections at once, and then one of each kind.
func oraclePackets() []evidence.Packet {
	packets := sampleRun(visits()).Hosts["server"].Packets
	packets = append(packets, conversation(end("[2001:db8:1::10]:40992"), end("[2001:db8::10]:12000"), "Hello from the cafe", 1)...)
	packets = append(packets, conversation(end("10.12.4.10:1"), serverEnd, "begun before the capture", 4)[3:]...)
	packets = append(packets, refusal(end("10.12.5.10:2"))...)
	packets = append(packets, allFlags(end("10.12.6.10:3"))...)
	packets = append(packets, samePortsAgain(end("10.12.7.10:4"))...)
	packets = append(packets, sameNumberAgain(end("10.12.8.10:5"))...)
	return append(packets, allOptions(end("10.12.9.10:6"))...)
}

// refusal is a SYN and the reset that answers it.
func refusal(client netip.AddrPort) []evidence.Packet {
	p := conversation(client, serverEnd, "", 5)[0]
	return []evidence.Packet{p, resetOf(p)}
}

func resetOf(p evidence.Packet) evidence.Packet {
	return evidence.Packet{
		Time: p.Time, Source: p.Destination, Destination: p.Source,
		Flags: evidence.RST | evidence.ACK, Ack: p.Seq + 1,
	}
}

// allFlags has a segment with each flag alone, and one without any, a long time
// apart.
func allFlags(client netip.AddrPort) []evidence.Packet {
	packets := conversation(client, serverEnd, "", 6)[:3]
	for bit := range 13 {
		p := packets[2]
		p.Flags, p.Urgent = evidence.Flags(1<<bit)&0xfff, 77
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

// sameNumberAgain has a SYN twice, the second one after a reset and without
// options: it is taken for a copy of the first.
func sameNumberAgain(client netip.AddrPort) []evidence.Packet {
	packets := conversation(client, serverEnd, "first", 9)
	packets = append(packets, resetOf(packets[2]))
	again := conversation(client, serverEnd, "again", 9)
	again[0].Options = nil
	return append(packets, again...)
}

// allOptions has a segment with each option alone, then with each too short, and
// then some in a row.
func allOptions(client netip.AddrPort) []evidence.Packet {
	packets := conversation(client, serverEnd, "", 10)[:3]
	add := func(options ...byte) {
		p := packets[2]
		p.Options = options
		packets = append(packets, p)
	}
	edges := binary.BigEndian.AppendUint32([]byte{5, 18}, 10_101)
	edges = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(edges, 10_201), 10_301)
	edges = binary.BigEndian.AppendUint32(edges, 10_401)
	for _, o := range [][]byte{
		edges,
		{2, 4, 5, 180},
		{3, 3, 14},
		{4, 2},
		{8, 10, 0, 0, 0, 9, 255, 255, 255, 255},
		append([]byte{19, 18}, make([]byte, 16)...),
		{29, 4, 1, 2},
		{30, 12, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7},
		{34, 2},
		{34, 10, 1, 2, 3, 4, 5, 6, 7, 8},
		{254, 4, 0xf9, 0x89},
		{253, 6, 0xf9, 0x89, 1, 2},
		{253, 4, 0x0e, 0xd4},
		{254, 2},
		{77, 4, 1, 2},
		{},
	} {
		add(o...)
		if len(o) > 2 && o[0] != 5 && o[0] != 30 { // these would be malformed
			shorter := append([]byte{}, o[:len(o)-1]...)
			shorter[1]--
			add(shorter...)
		}
	}
	add(append(edges, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 7)...)
	add(2, 4, 5, 180, 2, 4, 5, 181, 0, 4, 2) // behind the end
	add(2, 4, 5, 180, 4, 40, 8, 10)          // past the end
	add(2, 4, 5, 180, 4, 1, 3, 3)            // too short to be an option
	add(2, 4, 5, 180, 1, 1, 1, 4)            // without a length
	add(make([]byte, 40)...)
	return packets
}
