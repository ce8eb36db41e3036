package evidence

import (
	"net/netip"
	"strings"
	"time"
)

// Flags are the control bits of a TCP header (RFC 9293, section 3.1).
type Flags uint8

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
)

// String lists the flags as tshark's packet list does: "SYN, ACK".
func (f Flags) String() string {
	names := [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}
	var set []string
	for bit, name := range names {
		if f&(1<<bit) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, ", ")
}

// Has tells whether all of the given flags are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// The protocols of packets.
const (
	TCP = "tcp"
	UDP = "udp"
	// ICMP is that of IPv4 or of IPv6.
	ICMP = "icmp"
)

// A Packet is one TCP segment, UDP datagram or ICMP message of a capture.
type Packet struct {
	Time time.Time
	// Protocol is TCP, UDP or ICMP.
	Protocol string
	// Number counts the frames of the capture file from 1, as Wireshark does.
	Number int
	// Interface is the name from the file's interface block. Outgoing says
	// that the host sent the frame there; what comes in is not.
	Interface string
	Outgoing  bool
	// TTL is the hop limit: a router takes one away (RFC 791, RFC 8200).
	TTL         uint8
	Source      netip.AddrPort
	Destination netip.AddrPort
	// Seq, Ack, Flags and Window are a TCP segment's.
	Seq, Ack uint32
	Flags    Flags
	Window   uint16
	// Payload is the captured part of what is behind the header of TCP, UDP or
	// ICMP, Length its length on the wire in bytes; FrameLength the frame's
	// length on the wire.
	Payload     []byte
	Length      int
	FrameLength int
	// ICMP is the error, as the errno that it becomes at a socket: ECONNREFUSED,
	// EHOSTUNREACH and so on (icmp(7)); empty for an echo. Quoted is the
	// four-tuple of the packet that the error quotes, QuotedProtocol TCP or UDP,
	// QuotedSeq the sequence number of a segment; zero where it quotes another.
	// The message's own endpoints have no ports.
	ICMP           string
	Quoted         FourTuple
	QuotedProtocol string
	QuotedSeq      uint32
}

// Tuple is the packet's own direction as a four-tuple.
func (p Packet) Tuple() FourTuple {
	return FourTuple{Source: p.Source, Destination: p.Destination}
}
