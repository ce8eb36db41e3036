package table

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var datagrams = Kind{
	Name:      "datagrams",
	Doc:       "the UDP datagrams that were sent until a snapshot, one row each, put together from the captures of both ends",
	witnesses: byBothEnds,
	text:      datagramText,
	time:      func(r *Row) (from, until time.Time) { return instant(r.record.(*evidence.Datagram).Time) },
	Columns: slices.Concat(
		[]Column{
			{Name: "protocol", Type: "string", Doc: "udp", Values: []string{evidence.UDP}, value: of(func(*evidence.Datagram) string { return evidence.UDP })},
			{Name: "sender.host", Type: "string", Doc: "the host that sent it; empty if no host of the lab has its address", value: of(func(d *evidence.Datagram) string { return d.Sender.Host })},
			{Name: "receiver.host", Type: "string", Doc: "the host that it is for; empty if no host of the lab has its address", value: of(func(d *evidence.Datagram) string { return d.Receiver.Host })},
		},
		endpoint("source", "the sender, as it has it", asSender, func(r *Row) netip.AddrPort { return r.record.(*evidence.Datagram).Source }),
		endpoint("destination", "the receiver, as the sender has it", asSender, func(r *Row) netip.AddrPort { return r.record.(*evidence.Datagram).Destination }),
		endpoint("translated.source", "the sender, as the receiver has it", asReceiver, func(r *Row) netip.AddrPort { return r.record.(*evidence.Datagram).AtReceiver().Source }),
		endpoint("translated.destination", "the receiver, as it has it", asReceiver, func(r *Row) netip.AddrPort { return r.record.(*evidence.Datagram).AtReceiver().Destination }),
		[]Column{
			{Name: "changed", Type: "bool", Doc: "whether a router translated its addresses or ports", value: of(func(d *evidence.Datagram) bool { return d.AtReceiver() != d.FourTuple })},
			{Name: "path", Type: "list(string)", Doc: "the routers that forwarded it, in order", from: "router.packets", value: of(func(d *evidence.Datagram) []string { return hosts(d.Path) })},
			{Name: "occurrence", Type: "int", Doc: "which of the equal datagrams between its endpoints it is, from 1", value: of(func(d *evidence.Datagram) int64 { return int64(d.Occurrence) })},
			{Name: "length", Type: "int", Unit: "bytes", Doc: "the length of its payload", value: of(func(d *evidence.Datagram) int64 { return int64(d.Length) })},
			{Name: "text", Type: "string", Doc: "its payload; bytes that are no UTF-8 are \\ufffd", value: of(func(d *evidence.Datagram) string { return valid(d.Payload) })},
			{Name: "delivered", Type: "bool", Doc: "whether it came to the receiver until then, by the receiver's capture", Witnesses: []string{"receiver.packets"}, absent: true, vouch: "receiver.packets", value: delivered},
		},
	),
}

var (
	byBothEnds = []string{"sender.packets", "router.packets", "receiver.packets"}
	asSender   = Column{within: byBothEnds[:2]}
	asReceiver = Column{within: byBothEnds[1:]}
)

func delivered(r *Row) any {
	d := r.record.(*evidence.Datagram)
	if d.Receiver.Packet == nil && r.source.to.translator.Why != "" {
		return nil
	}
	return d.Receiver.Packet != nil && r.source.to.has(d.Receiver.Host, d.Receiver.Packet.Time)
}

// Delivered is what is known in the end of whether a datagram came to its
// receiver, as the column of the last snapshot has it; nil if nothing.
func (t *Tables) Delivered(d *evidence.Datagram) *bool {
	m, err := t.moment("")
	if err != nil {
		return nil
	}
	came, h := d.Receiver.Packet != nil, m.host(d.Receiver.Host)
	if h == nil || h.tableGap(evidence.Packets).Why != "" || !came && m.translator.Why != "" {
		return nil
	}
	return &came
}

// datagramText is a row in words, with what is known of it at the moment.
func datagramText(r *Row) string {
	d := r.record.(*evidence.Datagram)
	translated := d.AtReceiver() != d.FourTuple
	return words("udp", d.Sender.Host, d.Source.String(), "->", d.Receiver.Host, d.Destination.String(),
		when(translated, "(%s -> %s at the receiver)", d.AtReceiver().Source, d.AtReceiver().Destination), when(len(d.Path) > 0, "by %s", strings.Join(hosts(d.Path), ", ")),
		fmt.Sprintf("len %d", d.Length), textPart(valid(d.Payload)), when(delivered(r) == false, "not delivered"))
}

// datagramRows makes the rows of the datagrams that were sent within a span.
func (t *Tables) datagramRows(from, to *moment) []*Row {
	in := &source{tables: t, to: to, gaps: datagramGap}
	rows := make([]Row, 0, len(t.run.Datagrams))
	k := kindOf("datagrams")
	for i := range t.run.Datagrams {
		d := &t.run.Datagrams[i]
		host := d.Sender.Host
		if d.Sender.Packet == nil {
			host = d.Receiver.Host
		}
		if !to.has(host, d.Time) || from != nil && from.has(host, d.Time) {
			continue
		}
		row := Row{kind: k, record: d, source: in, changed: d.AtReceiver() != d.FourTuple}
		for _, side := range []*evidence.DatagramSide{&d.Receiver, &d.Sender} {
			if side.Packet != nil {
				row.File, row.Line = evidence.FileName(side.Host, evidence.Packets), side.Packet.Number
			}
		}
		for n, name := range k.witnesses {
			row.of.set(1<<n, t.datagramStanding(d, name, to))
			switch h := to.endOf(d, name); {
			case h == nil:
			case h.tableGap(evidence.Packets).Why == "":
				row.byHost.set(1<<n, Whole)
			default:
				row.byHost.set(1<<n, Broken)
			}
		}
		rows = append(rows, row)
	}
	return pointers(rows)
}

// endOf is the receiver of a datagram for its own witness, for all others the
// sender.
func (m *moment) endOf(d *evidence.Datagram, witness string) *hostMoment {
	if witness == "receiver.packets" {
		return m.host(d.Receiver.Host)
	}
	return m.host(d.Sender.Host)
}

func (t *Tables) datagramStanding(d *evidence.Datagram, name string, to *moment) Standing {
	why, asked := d.Lacks[name]
	h := to.endOf(d, name)
	if name == "router.packets" {
		router, reason := t.blamed(why)
		if h = nil; router != "" && t.run.Hosts[router].Defect(evidence.Packets) == reason {
			h = to.host(router)
		}
	}
	switch {
	case !asked:
		return NotAsked
	case h != nil && h.defect(evidence.Packets) != "":
		return Broken
	case why != "":
		return Absent
	}
	return Whole
}

func datagramGap(r *Row, witness string) Gap {
	d := r.record.(*evidence.Datagram)
	h, why := r.source.to.endOf(d, witness), d.Lacks[witness]
	if witness == "router.packets" {
		h = nil
		if router, reason := r.source.tables.blamed(why); router != "" {
			return Gap{router + ".packets", reason}
		}
	}
	if h == nil {
		return Gap{witness, why}
	}
	if gap := h.tableGap(evidence.Packets); gap.Why != "" {
		return gap
	}
	return Gap{h.name + ".packets", why}
}
