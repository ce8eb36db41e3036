package witness

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
)

// answerTimeout is how long the kernel may take for a part of a dump. It makes
// dumps while it is asked for them, so that none is ever waited for.
const answerTimeout = 10 * time.Second

// A table is a netlink socket through which a table of the kernel is dumped. It
// belongs to the namespace of the thread that opened it.
type table struct {
	name   string
	mu     sync.Mutex
	handle *netlink.Handle // nil once it is closed
}

func openTable(name string, family int) (*table, error) {
	h, err := netlink.NewHandle(family)
	if err != nil {
		return nil, fmt.Errorf("open the %s: %w", name, err)
	}
	if err := h.SetSocketTimeout(answerTimeout); err != nil {
		h.Close()
		return nil, fmt.Errorf("open the %s: %w", name, err)
	}
	return &table{name: name, handle: h}, nil
}

// dump has f read the table. An f that was interrupted keeps the rows that it
// has, and dump returns ErrInterrupted.
func (t *table) dump(f func(*netlink.Handle) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := os.ErrClosed // without a socket of its own the library would open one wherever this thread is
	if t.handle != nil {
		err = f(t.handle)
	}
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		err = ErrInterrupted
	}
	if err != nil {
		return fmt.Errorf("dump the %s: %w", t.name, err)
	}
	return nil
}

// Close releases the table. Closing it twice is no error.
func (t *table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.handle != nil {
		t.handle.Close()
		t.handle = nil
	}
	return nil
}
