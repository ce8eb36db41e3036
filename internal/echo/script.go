package echo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Script is what a client says without a person.
type Script struct {
	// Messages are sent in turn, each after the reply to the one before. There may be none.
	Messages []string
	// Count is how often all the messages are sent; zero is once.
	Count int
	// Interval is the time between a reply and the next message.
	Interval time.Duration
	// Hold is how long the connection stays open after the last reply.
	Hold time.Duration
}

// Run connects to a server, given as HOST:PORT, says what the script has, holds the connection and closes it.
// The error is nil only if every reply was the right one and the server did not end the connection first. A
// context that is done while the connection is held only cuts the hold short.
func (c *Client) Run(ctx context.Context, address string, script Script) error {
	session, err := c.Dial(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(session.perform(ctx, script), session.Close())
}

// perform says what the script has, and holds.
func (s *Session) perform(ctx context.Context, script Script) error {
	total := max(script.Count, 1) * len(script.Messages)
	for i := range total {
		if i > 0 && script.Interval > 0 {
			if err := s.pause(ctx, script.Interval, i, total); err != nil {
				return err
			}
		}
		message := script.Messages[i%len(script.Messages)]
		if _, err := s.Exchange(ctx, []byte(message)); err != nil {
			return err
		}
	}
	if script.Hold == 0 {
		return nil
	}
	s.record(s.event(Holding))
	return s.Wait(ctx, script.Hold)
}

// pause waits between two messages. To be interrupted there is an error: the rest of the messages is not said.
func (s *Session) pause(ctx context.Context, length time.Duration, said, total int) error {
	if err := s.Wait(ctx, length); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return s.fail(fmt.Errorf("interrupted after %d of %d replies", said, total))
	}
	return nil
}
