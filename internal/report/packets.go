package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

const packetsHeader = "  No.        Time       Source → Destination  Protocol Length Info\n"

// Packets writes the TCP segments of a host's capture as tshark's packet list
// prints them, below a header line of Wireshark's names. Above that stands the
// host's name, if it is not empty. Times are seconds since the first of the
// rows, sequence numbers count from the beginning of each connection, and
// numbers are those of the frames in the file.
//
// Win= is in bytes where the sender's SYN and the answer to it both had the
// window scale option (RFC 7323). Where the capture lacks the sender's SYN it
// is the number of the header, as with tshark, and the window may be larger.
//
// A line is tshark 4.0's whole line, byte for byte, for a capture of TCP with
// times in nanoseconds, with these exceptions:
//
//   - Wireshark's own remarks are not printed: what it finds by analysis, such
//     as [TCP Retransmission] before the ports, and that a frame is malformed
//     or was not captured as a whole.
//   - No protocol above TCP is dissected, and fragments of IP are not put
//     together.
//   - Accurate ECN (RFC 9768) is not decoded: its options are not printed, and
//     its counter ACE stands there as the flags that it is made of.
//   - Options that Linux does not send are not printed.
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
	return fmt.Sprintf("%5d %11s %12s → %-12s %s %d %s", p.Number, seconds(p.Time.Sub(start)),
		p.Source.Addr().WithZone(""), p.Destination.Addr().WithZone(""), protocol(p), p.FrameLength, packetInfo(p, n))
}

// protocol is Multipath TCP if the options say so.
func protocol(p evidence.Packet) string {
	for o := range evidence.TCPOptions(p.Options) {
		if o.Kind == evidence.OptionMultipath {
			return "MPTCP"
		}
	}
	return "TCP"
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
	fmt.Fprintf(&b, " Win=%d", n.window)
	if p.Flags.Has(evidence.URG) {
		fmt.Fprintf(&b, " Urg=%d", p.Urgent)
	}
	fmt.Fprintf(&b, " Len=%d%s", p.Length, optionsInfo(p.Options, n.edge))
	return b.String()
}
