package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"golang.org/x/sys/unix"
)

// coalesce is how long packets may gather before they are read: without it a
// steady trickle would cost a wake-up and a write for each packet.
const coalesce = time.Millisecond

// perTurn is how many batches are read before Drain or Close get their turn.
const perTurn = 16

// ErrClosed is returned by what is called after Close.
var ErrClosed = errors.New("the capture is closed")

// A Capture writes the packets of one network namespace until it is closed. Its
// methods may be called from any thread and by several goroutines.
type Capture struct {
	file    *os.File
	raw     syscall.RawConn
	started time.Time
	closing chan struct{}
	done    chan struct{}

	mu         sync.Mutex
	w          io.Writer
	interfaces []captured
	ids        map[int]int
	closed     bool
	err        error
	// read counts the packets taken from the socket, queued and dropped those
	// that the kernel put there or could not.
	read, queued, dropped uint64
	stats                 Stats
}

// A captured interface is one with a block in the file.
type captured struct {
	link     uint16
	received uint64
}

// Open starts a capture of the interfaces, which must be those of the network
// namespace of the calling thread, and writes it to w. When it returns the
// capture is live: a packet sent afterwards is in the file, one that passed
// before is not. It needs CAP_NET_RAW in the namespace. Interfaces that come
// later are not captured.
func Open(interfaces []evidence.Interface, w io.Writer, o Options) (*Capture, error) {
	if o.Backlog == 0 {
		o.Backlog = defaultBacklog
	}
	fd, err := openSocket(o.Backlog)
	if err != nil {
		return nil, fmt.Errorf("capture packets: %w", err)
	}
	c := &Capture{
		w: w, started: time.Now(), ids: make(map[int]int),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	if err := c.start(fd, interfaces); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("capture packets: %w", err)
	}
	return c, nil
}

func (c *Capture) start(fd int, interfaces []evidence.Interface) error {
	if err := c.writeHeader(fd, interfaces); err != nil {
		return err
	}
	if err := goLive(fd); err != nil {
		return err
	}
	// A file that does not block is watched by the runtime: a capture that
	// waits holds no thread.
	c.file = os.NewFile(uintptr(fd), "packets")
	c.raw, _ = c.file.SyscallConn()
	go c.run()
	return nil
}

// writeHeader writes the section and its interfaces, before the first packet.
func (c *Capture) writeHeader(fd int, interfaces []evidence.Interface) error {
	if len(interfaces) == 0 {
		return errors.New("there is no interface")
	}
	var out blocks
	out.section()
	for id, i := range interfaces {
		link, err := linkType(fd, i)
		if err != nil {
			return err
		}
		out.describe(i, link)
		c.ids[i.Index] = id
		c.interfaces = append(c.interfaces, captured{link: link})
	}
	_, err := c.w.Write(out)
	return err
}

// run reads whenever packets come, until Close.
func (c *Capture) run() {
	defer close(c.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.closing:
			return
		}
		if err := c.raw.Read(c.turn); err != nil || c.failed() {
			return
		}
		timer.Reset(coalesce)
	}
}

// turn reads what waits, and tells whether that was anything.
func (c *Capture) turn(fd uintptr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return true
	}
	before := c.read
	for range perTurn {
		if c.take(int(fd)) < perBatch {
			break
		}
	}
	return c.read > before || c.err != nil
}
