package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// send writes a message while its reply may already be coming: a server that cannot get rid of the reply to
// the first part of a long message does not read the rest.
func (s *Session) send(message []byte) <-chan result {
	sent := make(chan result, 1)
	s.running.Go(func() {
		n, err := s.conn.Write(message)
		sent <- result{message[:n], err}
	})
	return sent
}

// result is how a write went.
type result struct {
	sent []byte
	err  error
}

// await waits until something has come whole, and the write that asked for it is over if there is one.
func (s *Session) await(ctx context.Context, what string, sent <-chan result, whole func() bool) error {
	timeout, stop := s.timeout()
	defer stop()
	arrivals := s.arrivals
	for sent != nil || !whole() {
		if s.ended != nil {
			// The write may still have to fail; what it sent is worth a record.
			arrivals = nil
			if sent == nil {
				return s.early(what + " had come")
			}
		}
		select {
		case r := <-sent:
			sent = nil
			if len(r.sent) > 0 {
				s.record(s.event(Sent).carrying(r.sent))
			}
			if r.err != nil && !isReset(r.err) {
				return fmt.Errorf("send a message: %w", bare(r.err))
			}
		case a := <-arrivals:
			if err := s.take(a); err != nil {
				return err
			}
		case <-timeout:
			return fmt.Errorf("%s has not come whole within %v", what, s.client.Timeout)
		case <-ctx.Done():
			return fmt.Errorf("interrupted before %s had come", what)
		}
	}
	return nil
}

// timeout is a channel for the time limit; nil where there is none.
func (s *Session) timeout() (<-chan time.Time, func() bool) {
	if s.client.Timeout == 0 {
		return nil, func() bool { return false }
	}
	timer := time.NewTimer(s.client.Timeout)
	return timer.C, timer.Stop
}

// early is the sentence for a connection that has ended before its time.
func (s *Session) early(what string) error {
	if errors.Is(s.ended, io.EOF) {
		return fmt.Errorf("the server closed the connection before %s", what)
	}
	return fmt.Errorf("the connection ended before %s: %w", what, bare(s.ended))
}

// until waits for a value, and watches the connection meanwhile. The error is errInterrupted where the context
// ended first.
func until[T any](ctx context.Context, s *Session, values <-chan T) (value T, err error) {
	for {
		if s.ended != nil {
			return value, s.fail(s.early("the client was done"))
		}
		select {
		case value = <-values:
			return value, nil
		case a := <-s.arrivals:
			if err := s.take(a); err != nil {
				return value, s.fail(err)
			}
		case <-ctx.Done():
			return value, errInterrupted
		}
	}
}

var errInterrupted = errors.New("interrupted")

// Wait keeps the connection open for a time, or until the context is done, which is no error. It is one if the
// server ends the connection or sends something that is not the rest of a reply.
func (s *Session) Wait(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	if _, err := until(ctx, s, timer.C); err != nil && !errors.Is(err, errInterrupted) {
		return err
	}
	return nil
}
