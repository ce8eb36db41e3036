package echo

import (
	"context"
	"fmt"
	"net"
	"time"
)

// How a server gets over having run out of descriptors.
const (
	// firstPause and longestPause bound the time between two tries; it doubles in between. Closing a
	// connection does not cut a pause short, for it may be another process that has the descriptors.
	firstPause   = 5 * time.Millisecond
	longestPause = time.Second
	// episodeGap is how long all must have gone well before the next shortage is worth another line of log.
	episodeGap = 30 * time.Second
)

// acceptAll accepts connections and has them served until the context is done, and then returns nil, or until
// accepting fails for good. The listener is closed when it returns.
func (s *serving) acceptAll(ctx context.Context, listener net.Listener) error {
	defer listener.Close()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	var trouble episode
	for s.open.wait(ctx) {
		conn, err := s.accept(ctx, listener, &trouble)
		switch {
		case err == nil:
			c := newConnection(conn)
			s.open.add(c)
			go s.serve(c)
		case ctx.Err() != nil:
			return nil
		default:
			return fmt.Errorf("accept on %v: %w", listener.Addr(), bare(err))
		}
	}
	return nil
}

// accept accepts one connection, and outlasts whatever passes.
func (s *serving) accept(ctx context.Context, listener net.Listener, trouble *episode) (net.Conn, error) {
	pause := firstPause
	for {
		conn, err := listener.Accept()
		switch {
		case err == nil || ctx.Err() != nil:
			return conn, err
		case !isShortage(err) && !isPassing(err):
			return nil, err
		}
		if trouble.begins(time.Now()) {
			s.log.Warn("cannot accept connections for now, trying on", "listener", listener.Addr(), "cause", bare(err))
		}
		if !sleep(ctx, pause) {
			return nil, ctx.Err()
		}
		pause = min(2*pause, longestPause)
	}
}

// episode is a time of trouble, which is logged once however often it is met.
type episode struct {
	last time.Time
}

// begins notes trouble, and reports whether it is the first in a while.
func (e *episode) begins(now time.Time) bool {
	first := e.last.IsZero() || now.Sub(e.last) > episodeGap
	e.last = now
	return first
}

// sleep waits, and reports whether it did: not if the context ended first.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
