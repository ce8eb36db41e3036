package echo

import (
	"context"
	"errors"
	"sync"
	"time"
)

var errGraceOver = errors.New("still open at the end of the grace period")

// openConnections is the connections that a server has open. Set the limit before the first wait.
type openConnections struct {
	limit int // zero: none

	served sync.WaitGroup
	mu     sync.Mutex
	open   map[*connection]struct{}
	room   chan struct{} // made when a wait needs it, closed by the next remove
}

// wait waits until there is room for another connection, and reports whether there is: not if the context
// ended first.
func (o *openConnections) wait(ctx context.Context) bool {
	for {
		room := o.full()
		if room == nil {
			return ctx.Err() == nil
		}
		select {
		case <-room:
		case <-ctx.Done():
			return false
		}
	}
}

// full is nil where there is room, else a channel that is closed when there may be.
func (o *openConnections) full() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.limit == 0 || len(o.open) < o.limit {
		return nil
	}
	if o.room == nil {
		o.room = make(chan struct{})
	}
	return o.room
}

// add adds a connection. No add may come after finish.
func (o *openConnections) add(c *connection) {
	o.served.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = make(map[*connection]struct{})
	}
	o.open[c] = struct{}{}
}

// remove takes a connection out that is closed.
func (o *openConnections) remove(c *connection) {
	defer o.served.Done()
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, c)
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}

// finish waits until every connection is removed. It aborts those that are left after the grace period.
func (o *openConnections) finish(grace time.Duration) {
	over := time.AfterFunc(grace, func() { o.abort(errGraceOver) })
	defer over.Stop()
	o.served.Wait()
}

func (o *openConnections) abort(why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.open {
		c.abort(why)
	}
}
