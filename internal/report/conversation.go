package report

import (
	"fmt"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Sizes of a sequence diagram, in pixels.
const (
	sequenceLeft  = 96  // of the client's line
	sequenceReach = 340 // between the two lines
	sequenceTop   = 64
	sequenceStep  = 46
)

// A conversationView is one connection, packet by packet, with what its
// witnesses lack and contradict.
type conversationView struct {
	Title     string
	File      string // the capture that the packets are from
	Sequence  *figure
	Packets   string
	More      int // packets left out
	Lacks     map[string]string
	Conflicts []string
}

// conversationOf takes the client's capture, or the server's where the client
// has none.
func conversationOf(id string, c *evidence.Connection) conversationView {
	title := fmt.Sprintf("%s, %s to %s", hostName(c.Client.Host), c.Source, c.Destination)
	if opening := openingText(c.Opening, c.Outcome); opening != "" {
		title += ", opening " + opening
	}
	view := conversationView{Title: title, Lacks: c.Lacks, Conflicts: c.Conflicts}
	side, ends := &c.Client, c.FourTuple
	if len(side.Packets) == 0 {
		side, ends = &c.Server, c.AtServer()
	}
	if len(side.Packets) == 0 {
		return view
	}
	var packets []evidence.Packet
	packets, view.More = first(mostPackets, side.Packets)
	view.File = evidence.FileName(side.Host, evidence.Packets)
	view.Sequence = drawSequence(id, c, ends, packets)
	var list strings.Builder
	_ = Packets(&list, "", packets) // a Builder's Write never fails
	view.Packets = list.String()
	return view
}

// drawSequence draws a connection's packets, as one side has them, as arrows
// between two lines, with the time left of them. It is no picture of how long
// they took: the steps are even.
func drawSequence(id string, c *evidence.Connection, ends evidence.FourTuple, packets []evidence.Packet) *figure {
	f := &figure{ID: id, Title: fmt.Sprintf("The packets between %s and %s", ends.Source, ends.Destination)}
	f.Description = fmt.Sprintf("%d packets in their order; the list below has the same in words.", len(packets))
	left, right := sequenceLeft, sequenceLeft+sequenceReach
	f.Width = right + textWidth(ends.Destination.String(), shortName(c.Server.Host))/2 + margin
	f.Height = sequenceTop + len(packets)*sequenceStep + margin
	f.timeline(left, c.Client.Host, ends.Source.String())
	f.timeline(right, c.Server.Host, ends.Destination.String())
	relative := make(relativeNumbers)
	for i, p := range packets {
		y := sequenceTop + i*sequenceStep + 24
		from, to := left, right
		if p.Source == ends.Destination {
			from, to = right, left
		}
		class := "control"
		if p.Length > 0 {
			class = "data"
		}
		f.arrow(class, from, y, to)
		f.text("note end", left-14, y+4, fmt.Sprintf("+%.3f ms", float64(p.Time.Sub(packets[0].Time).Nanoseconds())/1e6))
		f.text("packet middle", (left+right)/2, y-7, segmentText(p, relative))
		f.text("payload middle", (left+right)/2, y+14, payloadText(p))
	}
	return f
}

// timeline is a host's upright line below its name and endpoint.
func (f *figure) timeline(x int, host, endpoint string) {
	f.line("timeline", x, 48, x, f.Height-margin)
	f.text("host-name middle", x, 20, shortName(host))
	f.text("address middle", x, 38, endpoint)
}
