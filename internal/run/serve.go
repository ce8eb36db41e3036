package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// leaveTimeout bounds what an agent does once it is told to end: container
// engines kill after ten seconds, and people wait less long.
const leaveTimeout = 4 * time.Second

var (
	// ErrNoCoordinator says that the stream to an agent ended before the host
	// was closed: the coordinator died, or did not want this host. It has said
	// why, if anybody has.
	ErrNoCoordinator = errors.New("the coordinator is gone")
	// errLeft is why an agent ends that was told to.
	errLeft = errors.New("its container was told to stop before the run was over")
)

// Serve is the agent's end of a stream. It says hello, is told what the run is,
// makes the host by newHost, and does what the coordinator asks of it. When the
// host is closed it waits for the coordinator to end the stream, and returns
// nil. When the stream ends before, it ends the host's program at once and
// returns ErrNoCoordinator. When ctx ends before, it ends the program of its own,
// tells the coordinator, and returns an error, within five seconds.
//
// What newHost's host records goes out over the stream by record. It waits
// while the coordinator does not read.
func Serve(ctx context.Context, stream io.ReadWriteCloser, hello Hello,
	newHost func(s HostSetup, record func(evidence.Witness, []byte) error) (Host, error),
) error {
	c := newConn(stream)
	defer stream.Close()
	over := context.AfterFunc(ctx, func() {
		time.AfterFunc(leaveTimeout, func() { _ = stream.Close() }) // whoever still writes, ends
	})
	defer over()
	hello.Version = Version
	if err := c.send(message{Hello: &hello}); err != nil {
		return ErrNoCoordinator
	}
	done := make(chan struct{})
	defer close(done)
	received := c.receiveAll(done)
	var setup message
	select {
	case <-ctx.Done():
		return errLeft
	case r := <-received:
		if r.err != nil {
			return ErrNoCoordinator
		}
		setup = r.message
	}
	switch {
	case setup.Setup == nil:
		return errors.New("the coordinator's first line is no setup")
	case setup.Setup.Version != Version:
		return fmt.Errorf("the coordinator is of another version of fourtuple, %d, and this is %d: build the images anew", setup.Setup.Version, Version)
	}
	host, err := newHost(*setup.Setup, c.sendRecords)
	if err != nil {
		return err
	}
	s := &servedHost{conn: c, host: host, finished: make(chan reportMessage)}
	return s.serve(ctx, received)
}

// A received is what one call of receive returned.
type received struct {
	message message
	err     error
}

// receiveAll receives in a goroutine, to the end of the stream or until done is
// closed.
func (c *conn) receiveAll(done <-chan struct{}) <-chan received {
	all := make(chan received)
	go func() {
		for {
			m, err := c.receive()
			select {
			case all <- received{m, err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return all
}

// A servedHost is a host that does what a coordinator asks of it.
type servedHost struct {
	conn     *conn
	host     Host
	running  *runningStep
	finished chan reportMessage
	closed   bool // the host did Close
}

// A runningStep is the step that the host is doing.
type runningStep struct {
	stepMessage
	cancel context.CancelCauseFunc
}

func (s *servedHost) serve(ctx context.Context, messages <-chan received) error {
	for {
		select {
		case r := <-messages:
			err := r.err
			if err == nil {
				err = s.handle(r.message)
			}
			if err != nil {
				return s.abandoned(err)
			}
		case report := <-s.finished:
			if err := s.report(report); err != nil {
				return s.abandoned(err)
			}
		case <-ctx.Done():
			return s.leave()
		}
	}
}

func (s *servedHost) handle(m message) error {
	switch {
	case m.Step != nil && s.running == nil:
		ctx, cancel := context.WithCancelCause(context.Background())
		s.running = &runningStep{*m.Step, cancel}
		go func() {
			report, err := s.host.Do(ctx, m.Step.Step)
			answer := reportMessage{ID: m.Step.ID, Report: report}
			if err != nil {
				answer.Error = err.Error()
			}
			s.finished <- answer
		}()
		return nil
	case m.Cancel != nil:
		if s.running != nil && s.running.ID == m.Cancel.ID {
			s.running.cancel(errors.New(m.Cancel.Why))
		}
		return nil
	}
	return errors.New("the coordinator sent what it should not send now")
}

// report sends the report of the step that was running.
func (s *servedHost) report(r reportMessage) error {
	s.running.cancel(nil)
	s.closed = s.closed || s.running.Step.Action == topology.Close
	s.running = nil
	return s.conn.send(message{Report: &r})
}

// finish waits for the step that is running, if one is, but for nothing that
// the step itself waits for, and reports it.
func (s *servedHost) finish(why error) error {
	if s.running == nil {
		return nil
	}
	s.running.cancel(why)
	return s.report(<-s.finished)
}

// abandoned ends a host that nobody leads any more. What it records goes
// nowhere.
func (s *servedHost) abandoned(err error) error {
	_ = s.conn.stream.Close()
	_ = s.finish(ErrNoCoordinator)
	if s.closed {
		return nil
	}
	_ = s.end() // what goes wrong with it, nobody is there to hear
	if errors.Is(err, io.EOF) {
		return ErrNoCoordinator
	}
	return fmt.Errorf("%w: %w", ErrNoCoordinator, err)
}

// leave ends a host whose container is being stopped.
func (s *servedHost) leave() error {
	err := s.finish(errLeft)
	if s.closed {
		return err
	}
	err = errors.Join(err, s.conn.send(message{Leaving: &leavingMessage{Why: errLeft.Error()}}), s.end())
	return errors.Join(errLeft, err)
}

// end stops the host without waiting for anything. It is not closed: its run
// was not over, and no seal may say otherwise.
func (s *servedHost) end() error {
	now, cancel := context.WithCancelCause(context.Background())
	cancel(errLeft)
	_, err := s.host.Do(now, topology.Step{Action: topology.Stop})
	return err
}
