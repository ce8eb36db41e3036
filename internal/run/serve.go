package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// When an agent is told to end, the coordinator has closeTimeout to close its
// host, and all is over after leaveTimeout: container engines kill after ten
// seconds, and people wait less long.
const (
	closeTimeout = 3 * time.Second
	leaveTimeout = 4 * time.Second
)

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
// returns ErrNoCoordinator. When ctx ends before, it asks to be closed, and if it
// is not, ends the program of its own and returns an error, within five seconds.
//
// What newHost's host records goes out over the stream by record. It waits
// while the coordinator does not read.
func Serve(ctx context.Context, stream io.ReadWriteCloser, hello Hello,
	newHost func(s HostSetup, record func(evidence.Witness, []byte) error) (Host, error),
) error {
	h := &servedHost{conn: newConn(stream)}
	stop := context.AfterFunc(ctx, h.leave)
	defer stop()
	err := h.serve(hello, newHost)
	_ = stream.Close() // what a step still records goes nowhere, and waits for nobody
	if h.end(ErrNoCoordinator); h.closed {
		return nil
	}
	if ctx.Err() != nil {
		return errLeft
	}
	return err
}

// A servedHost is a host that does what a coordinator asks of it.
type servedHost struct {
	conn *conn

	mu      sync.Mutex
	host    Host // nil until the setup came
	running int  // the step that is being done, 0 for none
	cancel  context.CancelCauseFunc
	steps   sync.WaitGroup // of the goroutine that does it
	closed  bool           // the host did Close
	left    bool           // the agent was told to end
	over    bool           // no more steps
	ending  sync.Once
}

// serve serves until the stream ends, and says why it did.
func (h *servedHost) serve(hello Hello, newHost func(HostSetup, func(evidence.Witness, []byte) error) (Host, error)) error {
	hello.Version = Version
	if err := h.conn.send(message{Hello: &hello}); err != nil {
		return ErrNoCoordinator
	}
	m, err := h.conn.receive()
	switch {
	case err != nil:
		return ErrNoCoordinator
	case m.Setup == nil:
		return errors.New("the coordinator's first line is no setup")
	case m.Setup.Version != Version:
		return fmt.Errorf("the coordinator is of another version of fourtuple, %d, and this is %d: build the images anew", m.Setup.Version, Version)
	}
	host, err := newHost(*m.Setup, h.record)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.host = host
	h.mu.Unlock()
	for {
		if m, err = h.conn.receive(); err == nil {
			err = h.handle(m)
		}
		if errors.Is(err, io.EOF) {
			return ErrNoCoordinator
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoCoordinator, err)
		}
	}
}

func (h *servedHost) record(w evidence.Witness, records []byte) error {
	return h.conn.send(message{Evidence: w, Data: records})
}

func (h *servedHost) handle(m message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case m.Step != nil && h.running == 0 && !h.over:
		ctx, cancel := context.WithCancelCause(context.Background())
		h.running, h.cancel = m.ID, cancel
		h.steps.Go(func() { h.do(ctx, m) })
	case m.Cancel != "":
		if h.running == m.ID {
			h.cancel(errors.New(m.Cancel))
		}
	default:
		return errors.New("it sent what it should not send now")
	}
	return nil
}

// do does a step and reports it.
func (h *servedHost) do(ctx context.Context, m message) {
	report, err := h.host.Do(ctx, *m.Step)
	answer := message{ID: m.ID, Report: &report}
	if err != nil {
		answer.Error = err.Error()
	}
	h.mu.Lock()
	h.cancel(nil)
	h.running = 0
	h.closed = h.closed || m.Step.Action == topology.Close
	last := h.closed && h.left
	h.mu.Unlock()
	_ = h.conn.send(answer) // a stream that cannot be written ends for the reader, too
	if last {
		_ = h.conn.stream.Close()
	}
}

// end does no more steps, and ends the program unless the host is closed. It
// waits for nothing. The host is not closed by it: its run was not over, and no
// seal may say otherwise.
func (h *servedHost) end(why error) {
	h.ending.Do(func() {
		h.mu.Lock()
		h.over = true
		if h.running != 0 {
			h.cancel(why)
		}
		h.mu.Unlock()
		h.steps.Wait()
		if h.closed || h.host == nil {
			return
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(why)
		// What goes wrong is in the host's account, if anybody still takes that.
		_, _ = h.host.Do(ctx, topology.Step{Action: topology.Stop})
	})
}

// leave asks the coordinator to close the host, as its container is being
// stopped, and ends it if it does not.
func (h *servedHost) leave() {
	h.mu.Lock()
	h.left = true
	if h.running != 0 {
		h.cancel(errLeft)
	}
	over := h.closed || h.host == nil
	h.mu.Unlock()
	if over {
		_ = h.conn.stream.Close()
		return
	}
	time.AfterFunc(closeTimeout, func() {
		h.end(errLeft)
		_ = h.conn.stream.Close()
	})
	time.AfterFunc(leaveTimeout, func() { _ = h.conn.stream.Close() }) // whoever still writes, ends
	_ = h.conn.send(message{Leaving: errLeft.Error()})
}
