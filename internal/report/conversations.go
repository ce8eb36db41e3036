package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

// conversationView is one connection, packet by packet.
type conversationView struct {
	Title string
	// File is the capture that the packets are from; empty where neither side
	// has any.
	File     string
	Sequence *figure
	Lines    []string
	More     int // packets left out
}

func conversationsOf(v claim.Verdict, joined []*evidence.Connection) (views []conversationView, more int) {
	for i, c := range v.Connections[:min(len(v.Connections), mostConversations)] {
		views = append(views, conversationOf(fmt.Sprintf("sequence-%d", i+1), c, joined[i]))
	}
	return views, max(0, len(v.Connections)-mostConversations)
}

// conversationOf takes the client's capture, or the server's where the client
// has none.
func conversationOf(id string, c claim.Connection, joined *evidence.Connection) conversationView {
	view := conversationView{Title: fmt.Sprintf("%s, %s to %s", hostName(c.Client), c.Source, c.Destination)}
	if joined == nil {
		return view
	}
	side, ends := &joined.Client, joined.FourTuple
	if len(side.Packets) == 0 {
		side, ends = &joined.Server, joined.AtServer()
	}
	if len(side.Packets) == 0 {
		return view
	}
	view.File = printable(evidence.FileName(side.Host, evidence.Packets))
	packets := side.Packets[:min(len(side.Packets), mostPackets)]
	view.More = len(side.Packets) - len(packets)
	var list strings.Builder
	if err := Packets(&list, "", packets); err == nil {
		view.Lines = slices.Collect(strings.Lines(list.String()))
	}
	view.Sequence = drawSequence(id, c, ends, packets)
	return view
}

// Sizes of a sequence diagram, in pixels.
const (
	sequenceLeft  = 96  // of the client's line
	sequenceReach = 300 // between the two lines
	sequenceTop   = 64
	sequenceStep  = 46
)

// drawSequence draws packets as arrows between two lines, with the time left
// of them. It is no picture of how long they took: the steps are even.
func drawSequence(id string, c claim.Connection, ends evidence.FourTuple, packets []evidence.Packet) *figure {
	f := &figure{ID: id, Title: fmt.Sprintf("The packets between %s and %s", ends.Source, ends.Destination)}
	left, right := sequenceLeft, sequenceLeft+sequenceReach
	f.Width = right + max(textWidth(ends.Destination.String()), textWidth(hostName(c.Server)))/2 + margin
	f.Height = sequenceTop + len(packets)*sequenceStep + margin
	f.lifeline(left, hostName(c.Client), ends.Source.String())
	f.lifeline(right, hostName(c.Server), ends.Destination.String())
	relative := newNumbering()
	for i, p := range packets {
		y := sequenceTop + i*sequenceStep + 24
		from, to := left, right
		if p.Source == ends.Destination {
			from, to = right, left
		}
		f.arrow(arrowClass(p), from, y, to)
		f.label("note end", left-14, y+4, "+"+milliseconds(p, packets[0]))
		f.label("packet middle", (left+right)/2, y-7, caption(p, relative.of(p)))
		f.label("payload middle", (left+right)/2, y+14, payload(p))
	}
	f.Description = fmt.Sprintf("%d packets in their order; the list below has the same in words.", len(packets))
	return f
}

func (f *figure) lifeline(x int, host, endpoint string) {
	f.wire("lifeline", x, 48, x, f.Height-margin)
	f.label("host-name middle", x, 20, shorten(host, longest))
	f.label("address middle", x, 38, endpoint)
}

func arrowClass(p evidence.Packet) string {
	if p.Length > 0 {
		return "data"
	}
	return "control"
}

func milliseconds(p, first evidence.Packet) string {
	return fmt.Sprintf("%.3f ms", float64(p.Time.Sub(first.Time).Nanoseconds())/1e6)
}

func caption(p evidence.Packet, n numbers) string {
	text := fmt.Sprintf("%s  Seq=%d", p.Flags, n.seq)
	if p.Flags.Has(evidence.ACK) {
		text += fmt.Sprintf(" Ack=%d", n.ack)
	}
	if p.Length > 0 {
		text += fmt.Sprintf(" Len=%d", p.Length)
	}
	return text
}

// payload is the beginning of a segment's data where it is text.
func payload(p evidence.Packet) string {
	if len(p.Payload) == 0 {
		return ""
	}
	if !utf8.Valid(p.Payload) {
		return fmt.Sprintf("%d bytes that are no text", len(p.Payload))
	}
	// A line shows little of a long payload, and an escape takes several letters.
	text := strings.ToValidUTF8(string(p.Payload[:min(len(p.Payload), 4*payloadColumns)]), "")
	return "“" + shorten(printable(text), payloadColumns) + "”"
}

// payloadColumns is how many letters of a payload a sequence diagram shows.
const payloadColumns = 40
