package conntrack

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Attempts is how often an interrupted dump is tried before it is given back
// with ErrInterrupted.
const Attempts = 4

// getEntries is the message type IPCTNL_MSG_CT_GET of the subsystem
// NFNL_SUBSYS_CTNETLINK.
const getEntries = 1<<8 | 1

// ErrInterrupted says that in each of Attempts dumps the kernel reported that
// its table changed under the walk. The rows beside it may lack connections.
var ErrInterrupted = errors.New("interrupted, some connections may be missing")

// A Table is the connection tracking table of one network namespace. Its methods
// may be called from any goroutine and any thread.
type Table struct {
	mu   sync.Mutex
	conn *netlink.Conn
	// patience is how long the kernel may take for an answer, 0 for ever.
	patience time.Duration
}

// Dump reads the TCP connections that are translated. The rows carry h's time
// and host, the witness's name and snapshot, the dump's number. If the error is
// ErrInterrupted, the rows are true but some may be missing; with any other
// error there are none.
func (t *Table) Dump(h evidence.Header, snapshot int) ([]evidence.Translation, error) {
	return t.dump(h, snapshot, entry.translated)
}

// DumpAll is Dump for all TCP connections that are tracked. The Original of one
// that is not translated equals its Translated.
func (t *Table) DumpAll(h evidence.Header, snapshot int) ([]evidence.Translation, error) {
	return t.dump(h, snapshot, func(entry) bool { return true })
}

// Close gives the descriptor back. Closing twice is no error.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return nil
	}
	c := t.conn
	t.conn = nil
	return c.Close()
}

func (t *Table) dump(h evidence.Header, snapshot int, wanted func(entry) bool) ([]evidence.Translation, error) {
	h.Witness = evidence.Conntracked
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return nil, fmt.Errorf("dump conntrack table: %w", os.ErrClosed)
	}
	entries, whole, err := t.retry()
	if err != nil {
		return nil, fmt.Errorf("dump conntrack table: %w", err)
	}
	var rows []evidence.Translation
	// The kernel may go over a bucket of its table twice.
	seen := make(map[entry]bool, len(entries))
	for _, e := range entries {
		if !seen[e] && wanted(e) {
			rows = append(rows, evidence.Translation{Header: h, Snapshot: snapshot, Original: e.original, Translated: e.reply.Reverse()})
		}
		seen[e] = true
	}
	if !whole {
		return rows, fmt.Errorf("dump conntrack table: %w", ErrInterrupted)
	}
	return rows, nil
}

// retry walks the table until a walk is whole, Attempts times at most.
func (t *Table) retry() (entries []entry, whole bool, err error) {
	for range Attempts {
		entries, whole, err = t.walk()
		if whole || err != nil {
			return entries, whole, err
		}
	}
	return entries, false, nil
}

// walk asks for the entries of all families and reads them.
func (t *Table) walk() (entries []entry, whole bool, err error) {
	if t.patience > 0 {
		if err := t.conn.SetReadDeadline(time.Now().Add(t.patience)); err != nil {
			return nil, false, err
		}
	}
	messages, err := t.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: getEntries, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, sizeofFamilyHeader),
	})
	if err != nil {
		return nil, false, err
	}
	whole = true
	for _, m := range messages {
		whole = whole && m.Header.Flags&netlink.DumpInterrupted == 0
		e, ok, err := parseEntry(m.Data)
		if err != nil {
			return nil, false, err
		}
		if ok {
			entries = append(entries, e)
		}
	}
	return entries, whole, nil
}
