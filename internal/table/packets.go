package table

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var packets = Kind{
	Name: "packets", OfHost: true,
	Doc:       "the host's capture until a snapshot: TCP segments, UDP datagrams and ICMP messages on all its interfaces",
	witnesses: []string{"packets"},
	text:      func(r *Row) string { return packetText(r.record.(*evidence.Packet)) },
	time:      func(r *Row) (from, until time.Time) { return instant(r.record.(*evidence.Packet).Time) },
	Columns: slices.Concat(
		[]Column{
			{Name: "number", Type: "int", Doc: "the frame's number in the capture file, as Wireshark counts", value: of(func(p *evidence.Packet) int64 { return int64(p.Number) })},
			{Name: "time", Type: "string", Doc: "when it was captured (RFC 3339, UTC)", value: of(func(p *evidence.Packet) string { return timeText(p.Time) })},
			{Name: "interface", Type: "string", Doc: "the interface", value: of(func(p *evidence.Packet) string { return p.Interface })},
			{Name: "outgoing", Type: "bool", Doc: "whether the host sent it there", value: of(func(p *evidence.Packet) bool { return p.Outgoing })},
			{Name: "protocol", Type: "string", Doc: "tcp, udp or icmp, of IPv4 or IPv6", Values: []string{evidence.TCP, evidence.UDP, evidence.ICMP}, value: of(func(p *evidence.Packet) string { return p.Protocol })},
		},
		endpoint("source", "who sent it", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Packet).Source }),
		endpoint("destination", "whom it is for", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Packet).Destination }),
		[]Column{
			{Name: "ttl", Type: "int", Unit: "hops", Doc: "the time to live, or hop limit: each router takes one away", value: of(func(p *evidence.Packet) int64 { return int64(p.TTL) })},
			{Name: "seq", Type: "int", Doc: "TCP's sequence number", value: of(func(p *evidence.Packet) int64 { return int64(p.Seq) })},
			{Name: "ack", Type: "int", Doc: "TCP's acknowledgment number", value: of(func(p *evidence.Packet) int64 { return int64(p.Ack) })},
			{Name: "flags", Type: "list(string)", Doc: "TCP's control bits that are set, of FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, as in \"SYN\" in flags", Values: []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}, value: of(flags)},
			{Name: "window", Type: "int", Doc: "TCP's window field, as it is in the header", value: of(func(p *evidence.Packet) int64 { return int64(p.Window) })},
			{Name: "length", Type: "int", Unit: "bytes", Doc: "the length of its data on the wire, without headers", value: of(func(p *evidence.Packet) int64 { return int64(p.Length) })},
			{Name: "text", Type: "string", Doc: "its data; bytes that are no UTF-8 are \\ufffd", value: of(func(p *evidence.Packet) string { return valid(p.Payload) })},
			{Name: "icmp", Type: "string", Doc: "an ICMP error as the errno that it becomes at a socket, as ECONNREFUSED; else empty", value: of(func(p *evidence.Packet) string { return p.ICMP })},
		},
		endpoint("quoted.source", "the sender of the packet that an ICMP error quotes", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Packet).Quoted.Source }),
		endpoint("quoted.destination", "the receiver of the packet that an ICMP error quotes", Column{}, func(r *Row) netip.AddrPort { return r.record.(*evidence.Packet).Quoted.Destination }),
	),
}

var flagNames = []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

func flags(p *evidence.Packet) []string {
	set := []string{}
	for bit, name := range flagNames {
		if p.Flags.Has(1 << bit) {
			set = append(set, name)
		}
	}
	return set
}

// packetText is a packet as a line of a list of packets.
func packetText(p *evidence.Packet) string {
	what := ""
	switch p.Protocol {
	case evidence.TCP:
		what = words(fmt.Sprintf("[%s] seq %d", cmp.Or(p.Flags.String(), "no flags"), p.Seq), when(p.Flags.Has(evidence.ACK), "ack %d", p.Ack), fmt.Sprintf("len %d", p.Length))
	case evidence.ICMP:
		what = words(p.ICMP, when(p.Quoted.Source.IsValid(), "quotes %s", p.Quoted))
	default:
		what = fmt.Sprintf("len %d", p.Length)
	}
	direction := map[bool]string{false: "in", true: "out"}[p.Outgoing]
	return words(fmt.Sprintf("packet %d", p.Number), p.Interface, direction, cmp.Or(p.Protocol, evidence.TCP), address(p.Source)+when(p.Source.Port() != 0, ":%d", p.Source.Port()),
		"->", address(p.Destination)+when(p.Destination.Port() != 0, ":%d", p.Destination.Port()), what, textPart(valid(p.Payload)))
}

// mostText is how much of a payload a row's text has.
const mostText = 60

// textPart is the beginning of a payload in quotation marks.
func textPart(text string) string {
	if runes := []rune(text); len(runes) > mostText {
		text = string(runes[:mostText]) + "…"
	}
	return when(text != "", "%q", text)
}
