package evidence

import (
	"bufio"
	"errors"
	"io"
)

// ErrCutShort says that a capture ends in the middle of a block: the packets
// before the cut were read, and there may have been more.
var ErrCutShort = errors.New("the capture is cut short")

// A PcapngInfo is what a capture says beside its TCP segments.
type PcapngInfo struct {
	// Interfaces are in the order of their blocks; those of a further section
	// follow those of the section before it.
	Interfaces []CaptureInterface
	// Frames counts all frames, as Wireshark numbers them. Each of them is
	// either a Packet that was visited or counted in one of the next three.
	Frames int
	// Fragments are IP fragments other than the first, which hold no TCP header.
	Fragments int
	// Damaged frames are IP or TCP by what carries them, and are too short or
	// contradict themselves: nothing can be said of their connection.
	Damaged int
	// Other frames are not TCP, or of a link type that is not read.
	Other int
}

// A CaptureInterface is an interface block of a capture, with its statistics.
type CaptureInterface struct {
	// Name and Description are empty where the block does not tell them.
	Name        string
	Description string
	// LinkType is the number of the link type in the registry of pcapng.
	LinkType uint16
	// Frames counts the interface's frames in the file.
	Frames int
	// Statistics is nil when the file has none for the interface, as when the
	// capture was not closed.
	Statistics *CaptureStatistics
}

// CaptureStatistics is what the capturing program counted for an interface.
type CaptureStatistics struct {
	// Received and Dropped are nil where the block does not tell them.
	Received *uint64
	Dropped  *uint64
}

// Closed tells whether the capture has statistics for every interface, which
// are written when it is closed.
func (i PcapngInfo) Closed() bool {
	for _, f := range i.Interfaces {
		if f.Statistics == nil {
			return false
		}
	}
	return len(i.Interfaces) > 0
}

// Dropped is how many packets the interfaces say were lost, all together.
func (i PcapngInfo) Dropped() uint64 {
	var n uint64
	for _, f := range i.Interfaces {
		if f.Statistics != nil && f.Statistics.Dropped != nil {
			n += *f.Statistics.Dropped
		}
	}
	return n
}

// ReadPcapng reads a capture (draft-ietf-opsawg-pcapng) of either byte order
// and calls visit with each TCP segment in it, in the order of the file. It
// knows Ethernet, Linux cooked captures (SLL and SLL2), BSD loopback and raw
// IP, VLAN tags, IPv4 with options and IPv6 with extension headers. A first IP
// fragment is a packet of the length of this fragment. Checksums are not
// verified: with offloading the kernel sees packets before they have one.
//
// The packet's options and payload may be kept. An error of visit ends the reading and is
// returned as it is. A file that ends within a block gives ErrCutShort with the
// offset; one that is no pcapng or contradicts itself another error. The info
// says what was read until then in any case.
func ReadPcapng(r io.Reader, visit func(Packet) error) (PcapngInfo, error) {
	p := pcapngReader{r: bufio.NewReaderSize(r, pcapngBuffer), visit: visit}
	err := p.read()
	return p.info, err
}
