package evidence

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/gopacket/gopacket"
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

// minFrame is the least that a packet with a TCP segment takes in the file.
const minFrame = 86

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
	segment, err := c.decoder.decode(&p, data, info)
	if segment {
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

// A decoder finds the TCP segments in Ethernet frames.
type decoder struct {
	parser *gopacket.DecodingLayerParser
	found  []gopacket.LayerType
	ip4    layers.IPv4
	ip6    layers.IPv6
	tcp    layers.TCP
}

func newDecoder() *decoder {
	d := &decoder{parser: gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet)}
	d.parser.IgnoreUnsupported = true
	d.parser.SetDecodingLayerContainer(gopacket.DecodingLayerArray(nil))
	for _, l := range []gopacket.DecodingLayer{&layers.Ethernet{}, &layers.Dot1Q{}, &d.ip4, &d.ip6, &d.tcp} {
		d.parser.AddDecodingLayer(l)
	}
	return d
}

// decode sets what a frame says of a TCP segment; false for a frame without
// one.
func (d *decoder) decode(p *Packet, data []byte, info gopacket.CaptureInfo) (segment bool, err error) {
	if info.Length < len(data) {
		return false, errors.New("more was captured than was there")
	}
	if err := d.parser.DecodeLayers(data, &d.found); err != nil {
		return false, err
	}
	var source, destination []byte
	length := 0 // behind the IP header, as it says
	for _, layer := range d.found {
		switch layer {
		case layers.LayerTypeIPv4:
			source, destination, p.TTL = d.ip4.SrcIP, d.ip4.DstIP, d.ip4.TTL
			length = int(d.ip4.Length) - len(d.ip4.Contents)
			if d.ip4.Protocol == layers.IPProtocolTCP && d.ip4.NextLayerType() == gopacket.LayerTypeFragment {
				return false, errors.New("a fragment of a segment")
			}
		case layers.LayerTypeIPv6:
			source, destination, p.TTL = d.ip6.SrcIP, d.ip6.DstIP, d.ip6.HopLimit
			length = int(d.ip6.Length)
		case layers.LayerTypeTCP:
			segment = true
		}
	}
	if !segment {
		return false, nil
	}
	if d.parser.Truncated && len(data) == info.Length {
		return false, errors.New("its IP header says more bytes than there are")
	}
	t := &d.tcp
	from, _ := netip.AddrFromSlice(source)
	to, _ := netip.AddrFromSlice(destination)
	p.Source, p.Destination = netip.AddrPortFrom(from, uint16(t.SrcPort)), netip.AddrPortFrom(to, uint16(t.DstPort))
	p.Seq, p.Ack, p.Window, p.Payload = t.Seq, t.Ack, t.Window, t.Payload
	p.Flags = Flags(t.Contents[13]) // RFC 9293, section 3.1
	p.Length = max(length-len(t.Contents), len(p.Payload))
	return true, nil
}
