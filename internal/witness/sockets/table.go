package sockets

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Attempts is how often an interrupted dump is tried before it is given back
// with ErrInterrupted.
const Attempts = 4

// sizeofBuffer is the longest datagram that the kernel makes for a dump, in
// bytes (netlink_recvmsg in net/netlink/af_netlink.c).
const sizeofBuffer = 32 << 10

// ErrInterrupted says that in each of Attempts dumps the kernel reported that
// its table changed under the walk, or messages were lost. The rows beside it
// may lack sockets.
var ErrInterrupted = errors.New("interrupted, some sockets may be missing")

// errLost is what a wire reports when a datagram, or a part of one, was lost.
var errLost = errors.New("messages were lost")

// A wire carries datagrams between a Table and the kernel.
type wire interface {
	Send(datagram []byte) error
	// Receive reads one datagram and returns its length. Its error is
	// errLost where the datagram, or others before it, did not arrive whole.
	Receive(buffer []byte) (int, error)
	Close() error
}

// A Table is the TCP socket table of one network namespace. Its methods may be
// called from any goroutine and any thread.
type Table struct {
	mu       sync.Mutex
	wire     wire
	sequence uint32
	// expected is how many rows the last whole dump had.
	expected int
}

// Dump reads the table once: every TCP socket, IPv4 first, in the kernel's
// order. The rows carry h's time and host, the witness's name and snapshot, the
// dump's number. If the error is ErrInterrupted, the rows are true but some may
// be missing; with any other error there are none.
func (t *Table) Dump(h evidence.Header, snapshot int) ([]evidence.Socket, error) {
	return t.dump(h, snapshot, 0)
}

// DumpPort is Dump for the sockets whose local or remote port is port; the
// kernel does the choosing. Port 0 means all sockets.
func (t *Table) DumpPort(h evidence.Header, snapshot int, port uint16) ([]evidence.Socket, error) {
	return t.dump(h, snapshot, port)
}

// Close gives the descriptor back. Closing twice is no error.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wire == nil {
		return nil
	}
	w := t.wire
	t.wire = nil
	return w.Close()
}

func (t *Table) dump(h evidence.Header, snapshot int, port uint16) ([]evidence.Socket, error) {
	h.Witness = evidence.Sockets
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wire == nil {
		return nil, fmt.Errorf("dump socket table: %w", os.ErrClosed)
	}
	d := walk{wire: t.wire, buffer: make([]byte, sizeofBuffer), header: h, snapshot: snapshot}
	if port == 0 {
		d.rows = make([]evidence.Socket, 0, t.expected)
		defer func() { t.expected = len(d.rows) }()
	}
	interrupted := false
	for _, family := range [...]uint8{familyIPv4, familyIPv6} {
		whole, err := t.retry(&d, family, port)
		if err != nil {
			return nil, fmt.Errorf("dump socket table: %w", err)
		}
		interrupted = interrupted || !whole
	}
	if interrupted {
		return d.rows, fmt.Errorf("dump socket table: %w", ErrInterrupted)
	}
	return d.rows, nil
}

// retry walks one family's sockets until a walk is whole, Attempts times at
// most, and keeps the last walk's rows.
func (t *Table) retry(d *walk, family uint8, port uint16) (whole bool, err error) {
	before := len(d.rows)
	for range Attempts {
		d.rows = d.rows[:before]
		t.sequence++
		whole, err = d.walk(request(family, port, t.sequence), t.sequence)
		if whole || err != nil {
			return whole, err
		}
	}
	return false, nil
}

// kernelError is the error of an error number in the kernel's answer.
func kernelError(number int) error {
	if number == 0 {
		return nil
	}
	return syscall.Errno(number)
}
