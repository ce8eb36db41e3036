package report

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// payloadColumns is how much of a payload is shown.
const payloadColumns = 40

// Packets writes the packets of a capture in the order given, a line each, below
// the heading, if there is one:
//
//	NUMBER TIME INTERFACE in|out SOURCE -> DESTINATION FLAGS seq N ack N len N frame N TEXT
//	NUMBER TIME INTERFACE in|out SOURCE -> DESTINATION UDP len N frame N TEXT
//	NUMBER TIME INTERFACE in|out SOURCE -> DESTINATION ICMP ERRNO of SOURCE -> DESTINATION frame N
//
// The number is the frame's in the capture file, the time that of the day, len
// the length of the payload and frame that of the frame, in bytes. Sequence
// numbers count from those of the connection's SYNs; where a SYN was not
// captured, the first byte seen of that direction has the number 1. TEXT is the
// beginning of a payload that is text.
func Packets(w io.Writer, heading string, rows []evidence.Packet) error {
	buffered := bufio.NewWriter(w) // Flush returns the errors before it
	_ = write(buffered, heading, "")
	relative := make(relativeNumbers)
	for _, p := range rows {
		direction := map[bool]string{false: "in", true: "out"}[p.Outgoing]
		line := fmt.Sprintf("%5d %s %s %-3s %-21s -> %-21s %s frame %d %s", p.Number, clock(p.Time), Printable(p.Interface), direction,
			packetEnd(p, p.Source), packetEnd(p, p.Destination), packetText(p, relative), p.FrameLength, payloadText(p))
		fmt.Fprintln(buffered, strings.TrimRight(line, " "))
	}
	return buffered.Flush()
}

// packetEnd is an end of a packet; ICMP has no ports.
func packetEnd(p evidence.Packet, end netip.AddrPort) string {
	if p.Protocol == evidence.ICMP {
		return Printable(end.Addr().String())
	}
	return endpoint(end)
}

// packetText is what a packet is, by its protocol.
func packetText(p evidence.Packet, relative relativeNumbers) string {
	switch p.Protocol {
	case evidence.UDP:
		return fmt.Sprintf("UDP len %d", p.Length)
	case evidence.ICMP:
		text := "ICMP"
		if p.ICMP != "" {
			text += " " + Printable(p.ICMP)
		}
		if p.Quoted.IsValid() {
			text += fmt.Sprintf(" of %s -> %s", endpoint(p.Quoted.Source), endpoint(p.Quoted.Destination))
		}
		return text
	}
	return segmentText(p, relative)
}

// clock is the time of the day in UTC.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000000") }

// segmentText is a segment's flags, numbers and length. It takes the packets of
// a capture in their order.
func segmentText(p evidence.Packet, relative relativeNumbers) string {
	flags := p.Flags.String()
	if flags == "" {
		flags = "no flags"
	}
	seq, ack := relative.of(p)
	line := fmt.Sprintf("[%s] seq %d", flags, seq)
	if p.Flags.Has(evidence.ACK) {
		line += fmt.Sprintf(" ack %d", ack)
	}
	return line + fmt.Sprintf(" len %d", p.Length)
}

// payloadText is the beginning of a segment's payload in quotation marks, or
// says that it is no text; a character may be cut in two by the segment's end.
func payloadText(p evidence.Packet) string {
	if len(p.Payload) == 0 || p.Protocol == evidence.ICMP {
		return ""
	}
	beginning := p.Payload[:min(len(p.Payload), utf8.UTFMax*payloadColumns)]
	valid := strings.ToValidUTF8(string(beginning), "")
	if len(valid) < len(beginning)-utf8.UTFMax+1 {
		return "(no text)"
	}
	return quoted(valid)
}

// quoted is the beginning of a text in quotation marks.
func quoted(words string) string {
	return `"` + text.Snip(Printable(words), payloadColumns, "...") + `"`
}

// relativeNumbers are the initial sequence numbers of each direction that was
// seen so far.
type relativeNumbers map[evidence.FourTuple]uint32

// of counts a segment's numbers from the initial ones (RFC 9293, section 3.4).
// A SYN with another number than its direction's last one opens the four-tuple
// anew, and what was known of the other direction goes with the old opening.
func (initial relativeNumbers) of(p evidence.Packet) (seq, ack uint32) {
	forth, back := p.Tuple(), p.Tuple().Reverse()
	first, known := initial[forth]
	switch syn := p.Flags.Has(evidence.SYN); {
	case syn && known && first != p.Seq && !p.Flags.Has(evidence.ACK):
		delete(initial, back)
		initial[forth] = p.Seq
	case syn:
		initial[forth] = p.Seq
	case !known:
		initial[forth] = p.Seq - 1
	}
	if !p.Flags.Has(evidence.ACK) {
		return p.Seq - initial[forth], 0
	}
	if _, known := initial[back]; !known {
		initial[back] = p.Ack - 1
	}
	return p.Seq - initial[forth], p.Ack - initial[back]
}

// A conversation is a connection with the packets that the client's capture has
// of it, or the server's where the client's has none.
type conversation struct {
	*evidence.Connection
	File     string             // the capture's; empty where none has a packet
	Ends     evidence.FourTuple // as that side has them
	Segments []segment
	More     int // packets left out
}

// A segment is a packet's line on the page.
type segment struct {
	After, Text, Payload string
	Back                 bool // from the server
}

func conversationOf(c *evidence.Connection) conversation {
	side, view := &c.Client, conversation{Connection: c, Ends: c.FourTuple}
	if len(side.Packets) == 0 {
		side, view.Ends = &c.Server, c.AtServer()
	}
	packets, more := first(mostPackets, side.Packets)
	view.More = more
	relative := make(relativeNumbers)
	for _, p := range packets {
		view.File = evidence.FileName(side.Host, evidence.Packets)
		view.Segments = append(view.Segments, segment{
			After: fmt.Sprintf("+%.3f ms", p.Time.Sub(packets[0].Time).Seconds()*1e3),
			Text:  segmentText(p, relative), Payload: payloadText(p), Back: p.Source == view.Ends.Destination,
		})
	}
	return view
}
