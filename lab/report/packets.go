package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/lab/evidence"
)

const packetsHeader = "  No.        Time       Source → Destination  Protocol Length Info\n"

// Packets writes the TCP segments of a host's capture as tshark's packet list
// prints them, below a header line of Wireshark's names. Above that stands the
// host's name, if it is not empty. Times are seconds since the first of the
// rows, sequence numbers count from the beginning of each connection, and
// numbers are those of the frames in the file.
//
// A line is the beginning of tshark's line, up to Len=, with these exceptions:
//
//   - TCP options (MSS=, TSval=, WS= and so on) are not printed, nor is Urg=.
//   - Win= is printed only where it says the same with and without the window
//     scale, which is an option (RFC 7323): in SYN segments, and where it is 0.
//   - Wireshark's own findings, such as [TCP Retransmission], are not printed,
//     and no protocol above TCP is dissected.
func Packets(w io.Writer, host string, rows []evidence.Packet) error {
	var b strings.Builder
	heading(&b, host)
	b.WriteString(packetsHeader)
	relative := newNumbering()
	for _, p := range rows {
		b.WriteString(packetLine(p, rows[0].Time, relative.of(p)) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func packetLine(p evidence.Packet, start time.Time, n numbers) string {
	return fmt.Sprintf("%5d %11s %12s → %-12s TCP %d %s", p.Number, seconds(p.Time.Sub(start)),
		p.Source.Addr().WithZone(""), p.Destination.Addr().WithZone(""), p.FrameLength, packetInfo(p, n))
}

// seconds writes a duration as seconds with nine digits, without the rounding
// of a float.
func seconds(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%d.%09d", sign, d/time.Second, d%time.Second)
}

// packetInfo is tshark's Info column.
func packetInfo(p evidence.Packet, n numbers) string {
	var b strings.Builder
	flags := p.Flags.String()
	if flags == "" {
		flags = "<None>"
	}
	fmt.Fprintf(&b, "%d → %d [%s] Seq=%d", p.Source.Port(), p.Destination.Port(), flags, n.seq)
	if p.Flags.Has(evidence.ACK) {
		fmt.Fprintf(&b, " Ack=%d", n.ack)
	}
	if p.Flags.Has(evidence.SYN) || p.Window == 0 {
		fmt.Fprintf(&b, " Win=%d", p.Window)
	}
	fmt.Fprintf(&b, " Len=%d", p.Length)
	return b.String()
}
