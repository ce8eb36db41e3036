package agent

import (
	"context"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// defaultQuiet is long enough for a program to start on a busy machine.
const defaultQuiet = 2 * time.Second

// settled waits until the program says that it listens or holds, has ended, is
// seen to listen, or has changed nothing for a while.
func (a *Agent) settled(ctx context.Context) error {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	before := a.baseline
	since := time.Now()
	for {
		select {
		case <-a.program.said:
			return nil
		case <-a.program.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		rows, err := a.witnesses.sockets(a.header(evidence.Sockets), 0)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rows, a.newListener) {
			return nil
		}
		if !sameSockets(before, rows) {
			before, since = rows, time.Now()
		}
		if time.Since(since) > a.quiet() {
			return nil
		}
		ticker.Reset(min(2*time.Since(since)+2*time.Millisecond, a.Poll))
	}
}

func (a *Agent) quiet() time.Duration {
	if a.Quiet > 0 {
		return a.Quiet
	}
	return defaultQuiet
}

// newListener tells whether the socket listens and did not before the program
// started: a container engine may have listeners of its own in the namespace.
func (a *Agent) newListener(s evidence.Socket) bool {
	return s.State == evidence.Listen && !slices.ContainsFunc(a.baseline, func(b evidence.Socket) bool { return b.Inode == s.Inode })
}

// watch takes a look whenever the socket table has changed, until ctx ends.
func (a *Agent) watch(ctx context.Context) {
	ticker := time.NewTicker(a.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.lookIfChanged()
		}
	}
}

// lookIfChanged takes a look if the socket table is not as at the last one. An
// error here is none of the evidence's: the next snapshot will tell.
func (a *Agent) lookIfChanged() {
	a.mu.Lock()
	defer a.mu.Unlock()
	rows, err := a.witnesses.sockets(a.header(evidence.Sockets), a.snapshot+1)
	if err != nil || sameSockets(a.witnesses.last, rows) {
		return
	}
	_ = a.record(rows)
}

// look writes down sockets, open files and translations, and returns the
// number of the snapshot.
func (a *Agent) look() (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	rows, err := a.witnesses.sockets(a.header(evidence.Sockets), a.snapshot+1)
	if err != nil {
		return 0, err
	}
	err = a.record(rows)
	return a.snapshot, err
}

// record writes down a dump of the socket table and what goes with it.
func (a *Agent) record(rows []evidence.Socket) error {
	a.snapshot++
	a.witnesses.last = rows
	pid := 0
	if a.program != nil {
		pid = a.program.PID()
	}
	return a.witnesses.record(a, rows, pid)
}

// sameSockets compares two dumps, their times and numbers aside.
func sameSockets(a, b []evidence.Socket) bool {
	return slices.EqualFunc(a, b, func(x, y evidence.Socket) bool {
		x.Header, x.Snapshot = y.Header, y.Snapshot
		return x == y
	})
}
