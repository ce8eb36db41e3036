package agent

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/witness"
)

const (
	// idleTimeout bounds how long a named snapshot waits for queues to be empty.
	idleTimeout = 2 * time.Second
	// stuckTime is how long tables are as they are before bytes in queues are
	// taken to stay there.
	stuckTime = 300 * time.Millisecond
	// attempts are how often a dump is made anew because the socket table
	// changed meanwhile.
	attempts = 5
	// firstPause is between a look and the next one; later ones are longer.
	firstPause, longestPause = 5 * time.Millisecond, 50 * time.Millisecond
)

// longer is the pause after this one. It grows slowly: what is most often waited
// for is an acknowledgement that TCP delays for 40 ms.
func longer(pause time.Duration) time.Duration {
	return min(pause+time.Millisecond, longestPause)
}

// tables are what is looked at again and again: the kernel's tables of sockets
// and of translations, and the open files of the program.
type tables struct {
	sockets      *witness.SocketTable
	translations *witness.ConntrackTable // nil where the host translates nothing

	socketFile, openFile, translationFile *output

	mu     sync.Mutex     // held while a dump is made and recorded
	pids   map[string]int // of the programs that run, by their names
	number int            // of the last dump that was recorded
	last   dump
}

// begin starts a program whose open files are looked at from then on. No dump is
// made meanwhile: it would have sockets of a program and not its files.
func (t *tables) begin(program string, start func() (Process, error)) (Process, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	process, err := start()
	if err == nil {
		t.pids[program] = process.PID()
	}
	return process, err
}

// forget looks at a program's open files no more.
func (t *tables) forget(program string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pids, program)
}

// A dump is what the tables were at one moment.
type dump struct {
	sockets      []evidence.Socket
	files        []evidence.File
	translations []evidence.Translation
	// still says that the socket table did not change while the others were
	// read, and no process was ending; ends that one was, cut that the socket table
	// may lack sockets.
	still, ends, cut bool
}

// openTables opens the tables of the calling thread's network namespace.
func openTables(r *recorder, translates bool) (*tables, error) {
	t := &tables{pids: make(map[string]int), socketFile: r.output(evidence.Sockets), openFile: r.output(evidence.Files)}
	err := errors.Join(r.open(evidence.Sockets), r.open(evidence.Files))
	if err == nil {
		t.sockets, err = witness.OpenSocketTable()
	}
	if err == nil && translates {
		t.translationFile = r.output(evidence.Conntrack)
		if err = r.open(evidence.Conntrack); err == nil {
			t.translations, err = witness.OpenConntrackTable()
		}
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// look is the socket table as it is, as far as that can be read.
func (t *tables) look() ([]evidence.Socket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows, _, err := t.dumpSockets()
	return rows, err
}

// dumpSockets dumps the socket table; cut says that rows may lack sockets, as
// the table kept changing while it was read.
func (t *tables) dumpSockets() (rows []evidence.Socket, cut bool, err error) {
	for range attempts {
		rows, err = t.sockets.Dump()
		if cut = errors.Is(err, witness.ErrInterrupted); !cut {
			return rows, false, err
		}
	}
	return rows, true, nil
}

// dump reads all tables, so that they fit each other if they can.
func (t *tables) dump() (d dump, err error) {
	for range attempts {
		before, _, err := t.dumpSockets()
		if err != nil {
			return d, err
		}
		if d.files, d.ends, err = t.openFiles(); err != nil {
			return d, err
		}
		if t.translations != nil {
			if d.translations, err = t.translations.Dump(); err != nil {
				return d, err
			}
		}
		if d.sockets, d.cut, err = t.dumpSockets(); err != nil {
			return d, err
		}
		if d.still = !d.cut && !d.ends && slices.Equal(before, d.sockets); d.still {
			break
		}
	}
	return d, nil
}

// openFiles are the open files of the programs that run. A program that has
// ended has none; of one that ends they may not be all.
func (t *tables) openFiles() (files []evidence.File, ends bool, err error) {
	for _, program := range slices.Sorted(maps.Keys(t.pids)) {
		of, err := witness.OpenFiles(t.pids[program])
		switch {
		case errors.Is(err, witness.ErrEnding):
			ends = true
		case err != nil && !errors.Is(err, witness.ErrGone):
			return nil, false, err
		}
		for _, f := range of {
			f.Program = program
			files = append(files, f)
		}
	}
	return files, ends, nil
}

// snapshot records the tables when nothing is on its way between programs and
// the network: no connected socket has bytes in a queue, and the dump a pause
// before was equal. Where bytes stay in queues, it records tables that have not
// changed for stuckTime. It waits until ctx ends, and no longer than
// idleTimeout.
func (t *tables) snapshot(ctx context.Context) (number int, idle bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, idleTimeout)
	defer cancel()
	var last dump
	since := time.Now() // last was seen
	for pause := firstPause; ; pause = longer(pause) {
		before, over := last, ctx.Err() != nil
		stuck := time.Since(since) >= stuckTime
		if last, number, err = t.attempt(before, stuck, over); number > 0 || err != nil {
			return number, !over && last.idle(), err
		}
		if !last.equal(before) {
			since = time.Now()
		}
		if last.idle() {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// attempt dumps the tables and records them, which gives them a number, if they
// are as they were before and idle, or stuck, or in any case.
func (t *tables) attempt(before dump, stuck, anyway bool) (d dump, number int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, err = t.dump()
	if err == nil && (anyway || (stuck && d.still || d.idle()) && d.equal(before)) {
		number, err = t.record(d)
	}
	return d, number, err
}

// idle tells whether no bytes wait in a socket's queues. Those of a listening
// socket count connections.
func (d dump) idle() bool {
	return d.still && !slices.ContainsFunc(d.sockets, func(s evidence.Socket) bool {
		return s.State != evidence.Listen && (s.RecvQueue > 0 || s.SendQueue > 0)
	})
}

// equal compares what polls compare: open files change with the sockets.
func (d dump) equal(e dump) bool {
	return slices.Equal(d.sockets, e.sockets) && slices.Equal(d.translations, e.translations)
}

// recordChange records the tables if they are not as last recorded. While a
// process ends its sockets and its open files are not at one: what is then left is
// recorded afterwards.
func (t *tables) recordChange() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.translations == nil { // the one table that is cheap to look at
		rows, cut, err := t.dumpSockets()
		if err != nil || cut || slices.Equal(rows, t.last.sockets) {
			return err
		}
	}
	d, err := t.dump()
	if err != nil || d.cut || d.ends || d.equal(t.last) {
		return err
	}
	_, err = t.record(d)
	return err
}

// record writes a dump down and returns its number.
func (t *tables) record(d dump) (int, error) {
	t.number++
	t.last = d
	n := t.number
	if d.cut {
		t.socketFile.count(0, 1)
	}
	errs := []error{
		add(t.socketFile, time.Time{}, d.sockets, func(s *evidence.Socket, h evidence.Header) { s.Header, s.Snapshot, s.Moving = h, n, !d.still }),
		add(t.openFile, time.Time{}, d.files, func(f *evidence.File, h evidence.Header) { f.Header, f.Snapshot = h, n }),
	}
	if t.translations != nil {
		errs = append(errs, add(t.translationFile, time.Time{}, d.translations,
			func(e *evidence.Translation, h evidence.Header) { e.Header, e.Snapshot = h, n }))
	}
	return n, errors.Join(errs...)
}

func (t *tables) close() error {
	var err error
	if t.sockets != nil {
		err = t.sockets.Close()
	}
	if t.translations != nil {
		err = errors.Join(err, t.translations.Close())
	}
	return err
}
