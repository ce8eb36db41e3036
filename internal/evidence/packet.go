package evidence

import (
	"net/netip"
	"strings"
	"time"
)

// Flags are the control bits of a TCP header (RFC 9293, section 3.1), with AE of
// IANA's registry "TCP Header Flags".
type Flags uint16

// The control bits.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

// reserved are the bits of the header that have no name yet.
const reserved Flags = 7 << 9

// String lists the flags as tshark's packet list does: "SYN, ACK".
func (f Flags) String() string {
	names := [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"}
	var set []string
	for bit, name := range names {
		if f&(1<<bit) != 0 {
			set = append(set, name)
		}
	}
	if f&reserved != 0 {
		set = append(set, "Reserved")
	}
	return strings.Join(set, ", ")
}

// Has tells whether all of the given flags are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// A Packet is one TCP segment of a capture.
type Packet struct {
	Time time.Time
	// Number counts the frames of the capture file from 1, as Wireshark does.
	Number int
	// Interface is the name from the file's interface block.
	Interface   string
	Source      netip.AddrPort
	Destination netip.AddrPort
	Seq, Ack    uint32
	Flags       Flags
	// Window is the header's number, which a handshake with the window scale
	// option makes one of larger units (RFC 7323, section 2).
	Window uint16
	// Urgent is the urgent pointer, of a meaning only with URG.
	Urgent uint16
	// HeaderLength is the TCP header's length on the wire in bytes: 20 and that
	// of the options. 0 is a packet that was not read from a capture.
	HeaderLength uint8
	// Options are the captured part of the header's options, 40 bytes or less,
	// as they are: see TCPOptions.
	Options []byte
	// Payload is the captured part of the segment's data, Length its length
	// on the wire in bytes; FrameLength the frame's length on the wire.
	Payload     []byte
	Length      int
	FrameLength int
}

// OptionsCutShort tells whether the capture lacks a part of the options.
func (p Packet) OptionsCutShort() bool {
	return int(p.HeaderLength) > tcpHeader+len(p.Options)
}

// Tuple is the packet's own direction as a four-tuple.
func (p Packet) Tuple() FourTuple {
	return FourTuple{Source: p.Source, Destination: p.Destination}
}
