package capture

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Drain returns when every packet that passed before the call is written.
func (c *Capture) Drain() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	err := c.raw.Control(func(fd uintptr) {
		c.count(int(fd))
		c.takeQueued(int(fd))
	})
	if err != nil {
		return fmt.Errorf("drain the capture: %w", err)
	}
	return c.err
}

// Close ends the capture: it writes what passed before the call, then the
// statistics of each interface. It returns the first error of the capture's
// whole life. The socket itself is closed a little later, because the kernel
// takes some 10 ms for that.
func (c *Capture) Close() (Stats, error) {
	if err := c.finish(); err != nil {
		return c.stats, err
	}
	close(c.closing)
	// A deadline in the past wakes run, which may be waiting for packets.
	err := c.file.SetReadDeadline(time.Unix(1, 0))
	<-c.done
	go c.file.Close()
	if err != nil {
		return c.stats, fmt.Errorf("close the capture: %w", err)
	}
	return c.stats, c.err
}

// finish writes the rest of the file.
func (c *Capture) finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.closed = true
	err := c.raw.Control(func(fd uintptr) { c.last(int(fd)) })
	c.stats.Dropped = int(c.dropped)
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("close the capture: %w", err)
	}
	c.writeStatistics()
	return nil
}

// last stops new packets, so that what is queued comes to an end, and takes it.
func (c *Capture) last(fd int) {
	filter, err := nothingFilter()
	if err == nil {
		err = attach(fd, filter)
	}
	if err != nil {
		c.fail(err)
	}
	c.count(fd)
	c.takeQueued(fd)
}

// count asks the kernel how many packets it has queued and dropped so far.
func (c *Capture) count(fd int) {
	s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		c.fail(os.NewSyscallError("count the packets", err))
		return
	}
	// The kernel clears its numbers when it tells them; packets has the drops in it.
	c.dropped += uint64(s.Drops)
	c.queued += uint64(s.Packets - s.Drops)
}

// takeQueued takes all that was queued when it was last counted.
func (c *Capture) takeQueued(fd int) {
	for c.read < c.queued && c.take(fd) > 0 {
	}
}

// take reads one batch and writes it, and returns how many packets it had.
func (c *Capture) take(fd int) int {
	if c.err != nil {
		return 0
	}
	b := batches.Get().(*batch)
	defer batches.Put(b)
	n, err := b.receive(fd)
	if err != nil {
		c.fail(os.NewSyscallError("receive", err))
		return 0
	}
	c.read += uint64(n)
	b.out = b.out[:0]
	for i := range n {
		c.keep(&b.out, b.packet(i))
		if len(b.out) >= flushAt {
			c.write(b.out)
			b.out = b.out[:0]
		}
	}
	c.write(b.out)
	return n
}

// keep writes a packet's block if its interface has one.
func (c *Capture) keep(out *blocks, p packet) {
	id, ok := c.ids[p.index]
	if !ok {
		return
	}
	if c.interfaces[id].link == linkRaw {
		p = p.withoutLink()
	}
	if p.time.IsZero() {
		p.time, p.comment = time.Now(), unstampedComment
		c.stats.Unstamped++
	}
	out.packet(id, p)
	c.interfaces[id].received++
	c.stats.Packets++
}

// writeStatistics writes the last blocks. Which interface dropped packets were
// lost on the kernel does not say: the first carries the number of all.
func (c *Capture) writeStatistics() {
	var out blocks
	now := time.Now()
	for id, i := range c.interfaces {
		n := count{received: i.received, droppedKnown: c.dropped == 0 || id == 0}
		if id == 0 {
			n.dropped = c.dropped
		}
		if n.dropped > 0 && len(c.interfaces) > 1 {
			n.comment = "the dropped packets are those of all interfaces together"
		}
		out.statistics(id, c.started, now, n)
	}
	c.write(out)
}

func (c *Capture) write(out blocks) {
	if c.err != nil || len(out) == 0 {
		return
	}
	if _, err := c.w.Write(out); err != nil {
		c.fail(err)
	}
}

// fail keeps the first error; nothing is written after it.
func (c *Capture) fail(err error) {
	if c.err == nil {
		c.err = fmt.Errorf("capture packets: %w", err)
	}
}

func (c *Capture) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}
