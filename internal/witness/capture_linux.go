package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

const (
	// gatherTime is how long packets may gather before they are read: without
	// it a steady trickle would cost a wake-up and a write for each packet.
	gatherTime = time.Millisecond
	// writeBytes is about how much is written at once.
	writeBytes = 32 << 10
)

// A Capture writes all packets of a host's interfaces to a pcapng file. One
// goroutine does all its work until Close.
type Capture struct {
	file *os.File
	raw  syscall.RawConn
	w    io.Writer
	stop chan struct{}
	done chan struct{}

	// What follows is the goroutine's own until done is closed. The file's
	// blocks are made in pending and written from there.
	blocks   *pcapgo.NgWriter
	pending  bytes.Buffer
	buffer   [frameBytes]byte // of the frame that is received
	ids      map[int]int      // of interface blocks, by the interfaces' indices
	received []uint64         // packets written, by the interface blocks' ids
	stats    CaptureStats
	err      error // the first that occurred; nothing is written after it
}

// OpenCapture starts to capture: when it returns, no packet is missed that the
// kernel does not report as dropped. It needs CAP_NET_RAW in the namespace.
// Every write to w is whole pcapng blocks, and while w blocks nothing is read.
func OpenCapture(interfaces []evidence.Interface, w io.Writer) (*Capture, error) {
	c := &Capture{w: w, ids: make(map[int]int), stop: make(chan struct{}), done: make(chan struct{})}
	if err := c.describe(interfaces); err != nil {
		return nil, fmt.Errorf("capture packets: %w", err)
	}
	fd, err := openPacketSocket()
	if err != nil {
		return nil, fmt.Errorf("capture packets: %w", err)
	}
	// A file that does not block is watched by the runtime: a capture that
	// waits holds no thread.
	c.file = os.NewFile(uintptr(fd), "packet socket")
	c.raw, c.err = c.file.SyscallConn()
	go c.run()
	return c, nil
}

// describe writes the section's header and a block for each interface.
func (c *Capture) describe(interfaces []evidence.Interface) (err error) {
	for id, i := range interfaces {
		block := pcapgo.NgInterface{
			Name: i.Name, Description: strings.Trim(fmt.Sprint(i.Addresses), "[]"), OS: "linux",
			LinkType: layers.LinkTypeRaw, // a tunnel's packets have no link layer
		}
		if i.Name == "lo" || len(i.MAC) == len("02:00:00:00:00:01") {
			block.LinkType = layers.LinkTypeEthernet
		}
		if id == 0 {
			section := pcapgo.NgSectionInfo{Application: "fourtuple", OS: "linux"}
			c.blocks, err = pcapgo.NewNgWriterInterface(&c.pending, block, pcapgo.NgWriterOptions{SectionInfo: section})
		} else {
			_, err = c.blocks.AddInterface(block)
		}
		if err != nil {
			return err
		}
		c.ids[i.Index] = id
		c.received = append(c.received, 0)
	}
	if len(interfaces) == 0 {
		return errors.New("there is no interface")
	}
	c.write()
	return c.err
}

// Close ends the capture when all that was captured is written. It is called
// once.
func (c *Capture) Close() (CaptureStats, error) {
	close(c.stop)
	// A deadline that is over wakes a goroutine that waits for packets.
	err := c.file.SetReadDeadline(time.Unix(1, 0))
	<-c.done
	go c.file.Close() // the kernel takes 10 ms for it, and there is nothing to be lost
	if err := errors.Join(c.err, err); err != nil {
		return c.stats, fmt.Errorf("capture packets: %w", err)
	}
	return c.stats, nil
}

// run reads whenever packets come, until Close.
func (c *Capture) run() {
	defer close(c.done)
	var wait time.Duration
	for c.err == nil {
		select {
		case <-time.After(wait):
		case <-c.stop:
			c.finish()
			return
		}
		wait = gatherTime
		// It fails only when it is woken by Close.
		_ = c.raw.Read(func(fd uintptr) bool {
			found, more := c.read(int(fd))
			if more {
				wait = 0
			}
			return found
		})
		c.write()
	}
}

// read makes blocks of what waits, up to writeBytes. It tells whether there was
// anything to do, and whether there may be more.
func (c *Capture) read(fd int) (found, more bool) {
	for c.err == nil && c.pending.Len() < writeBytes {
		f, ok, err := receive(fd, c.buffer[:])
		c.fail(err)
		if !ok {
			return found || err != nil, false
		}
		found = true
		c.keep(f)
	}
	return true, c.err == nil
}

// keep makes a frame's block. A frame on lo is received twice, and kept once: as
// it goes out, since that is before the call that sent it returns. A frame for
// another host is not kept: a bridge floods one whose port it does not know yet,
// and the host's network card passes over it.
func (c *Capture) keep(f frame) {
	flags := pcapgo.NgEpbFlags{Direction: pcapgo.NgEpbFlagDirectionInbound}
	if f.address.Pkttype == unix.PACKET_OUTGOING {
		flags.Direction = pcapgo.NgEpbFlagDirectionOutbound
	} else if f.address.Hatype == unix.ARPHRD_LOOPBACK || f.address.Pkttype == unix.PACKET_OTHERHOST {
		return
	}
	id, ok := c.ids[f.address.Ifindex]
	if !ok {
		c.stats.Dropped++
		return
	}
	info := gopacket.CaptureInfo{Timestamp: f.time, CaptureLength: len(f.data), Length: f.length, InterfaceIndex: id}
	c.fail(c.blocks.WritePacketWithOptions(info, f.data, pcapgo.NgPacketOptions{Flags: &flags}))
	c.fail(c.blocks.Flush())
	c.received[id]++
	c.stats.Packets++
}

// finish writes what was captured before Close, and the statistics.
func (c *Capture) finish() {
	err := c.raw.Control(func(fd uintptr) {
		c.fail(refuseAll(int(fd)))
		for more := true; more; c.write() {
			_, more = c.read(int(fd))
		}
		s, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			c.stats.Dropped += int(s.Drops)
		}
		c.fail(err)
	})
	c.fail(err)
	for id, n := range c.received {
		s := pcapgo.NgInterfaceStatistics{LastUpdate: time.Now(), PacketsReceived: n, PacketsDropped: pcapgo.NgNoValue64}
		if id == 0 { // the kernel does not tell where: the first has the number of all
			s.PacketsDropped = uint64(c.stats.Dropped)
		}
		c.fail(c.blocks.WriteInterfaceStats(id, s))
	}
	c.write()
}

// write hands over the blocks that are pending.
func (c *Capture) write() {
	if c.err == nil {
		c.fail(c.blocks.Flush())
	}
	if c.err == nil && c.pending.Len() > 0 {
		_, err := c.w.Write(c.pending.Bytes())
		c.fail(err)
	}
	c.pending.Reset()
}

func (c *Capture) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}
