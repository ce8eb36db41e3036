package evidence

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A capture is a pcapng file (draft-ietf-opsawg-pcapng) while it is read.
type capture struct {
	reader  *pcapgo.NgReader
	decoder *decoder
	packets []Packet
	frames  int
	// By the interface's number: its frames, and the block that ends its capture.
	framesOn   map[int]uint64
	statistics map[int]pcapgo.NgInterfaceStatistics
	defect     string
}

// flaw notes the first thing that is wrong with the file.
func (c *capture) flaw(format string, args ...any) {
	if c.defect == "" {
		c.defect = fmt.Sprintf(format, args...)
	}
}

// minFrame is the least that a packet takes in the file.
const minFrame = 74

// sectionMagic begins every pcapng file, in either byte order. NgReader would
// also unpack a compressed one.
const sectionMagic = 0x0a0d0d0a

// readCapture reads a capture to its end, or as far as it can be read; it has
// at most sizeHint packets.
func readCapture(r io.Reader, sizeHint int64) *capture {
	c := &capture{
		decoder: newDecoder(), packets: make([]Packet, 0, sizeHint),
		framesOn: make(map[int]uint64), statistics: make(map[int]pcapgo.NgInterfaceStatistics),
	}
	buffered := bufio.NewReaderSize(r, 1<<16)
	if magic, err := buffered.Peek(4); err != nil || binary.BigEndian.Uint32(magic) != sectionMagic {
		c.flaw("is no pcapng file")
		return c
	}
	var err error
	c.reader, err = pcapgo.NewNgReader(buffered, pcapgo.NgReaderOptions{
		WantMixedLinkType: true,
		StatisticsCallback: func(id int, s pcapgo.NgInterfaceStatistics) {
			if _, twice := c.statistics[id]; twice {
				c.flaw("has the statistics of interface %d twice", id)
			}
			c.statistics[id] = s
		},
		SectionEndCallback: func([]pcapgo.NgInterface, pcapgo.NgSectionInfo) { c.flaw("has more than one section") },
	})
	for err == nil && c.defect == "" {
		err = c.next()
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		c.flaw("is cut short after packet %d", c.frames)
	case err != nil && !errors.Is(err, io.EOF):
		c.flaw("cannot be read after packet %d: %v", c.frames, err)
	}
	return c
}

// next reads a packet.
func (c *capture) next() error {
	data, info, options, err := c.reader.ZeroCopyReadPacketDataWithOptions()
	if err != nil {
		return err
	}
	c.frames++
	c.framesOn[info.InterfaceIndex]++
	on, err := c.reader.Interface(info.InterfaceIndex)
	if err != nil {
		return err
	}
	p := Packet{
		Time: info.Timestamp, Number: c.frames, Interface: on.Name, FrameLength: info.Length,
		Outgoing: options.Flags != nil && options.Flags.Direction == pcapgo.NgEpbFlagDirectionOutbound,
	}
	if on.LinkType != layers.LinkTypeEthernet {
		return fmt.Errorf("%q is no Ethernet", p.Interface)
	}
	ours, err := c.decoder.decode(&p, data, info)
	if ours {
		p.Payload = bytes.Clone(p.Payload) // the reader uses its buffer again
		c.packets = append(c.packets, p)
	}
	return err
}

// check compares the capture with the interfaces that the host had when its
// witnesses went live, and with its own counts.
func (c *capture) check(interfaces []Interface) {
	if c.defect != "" {
		return
	}
	var live, captured []string
	for _, i := range interfaces {
		live = append(live, i.Name)
	}
	for id := range c.reader.NInterfaces() {
		on, _ := c.reader.Interface(id) // it is there
		captured = append(captured, on.Name)
		s, closed := c.statistics[id]
		switch {
		case !closed:
			c.flaw("was not closed: packets on %q may be missing at its end", on.Name)
		// The kernel counts drops of all interfaces together: the first has them.
		case s.PacketsDropped != 0 && (id == 0 || s.PacketsDropped != pcapgo.NgNoValue64):
			c.flaw("lacks packets that the kernel dropped")
		case s.PacketsReceived != c.framesOn[id] && s.PacketsReceived != pcapgo.NgNoValue64:
			c.flaw("has %d packets of %q, which had %d", c.framesOn[id], on.Name, s.PacketsReceived)
		}
	}
	slices.Sort(live)
	if slices.Sort(captured); !slices.Equal(live, captured) {
		c.flaw("is of the interfaces %q, the host has %q", captured, live)
	}
}
