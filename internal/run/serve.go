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

// closeTimeout is how long the coordinator has to close the host of an agent
// that was told to end: container engines kill after ten seconds, and people
// wait less long.
const closeTimeout = 3 * time.Second

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
// is not, ends the stream, and the program, of its own and returns an error,
// within five seconds.
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
	switch closed := h.end(); {
	case closed:
		return nil
	case ctx.Err() != nil:
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
	}
	host, err := newHost(*m.Setup, func(w evidence.Witness, records []byte) error {
		return h.conn.send(message{Evidence: w, Data: records})
	})
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.host = host
	h.mu.Unlock()
	for err == nil {
		if m, err = h.conn.receive(); err == nil {
			err = h.handle(m)
		}
	}
	if errors.Is(err, io.EOF) {
		return ErrNoCoordinator
	}
	return fmt.Errorf("%w: %w", ErrNoCoordinator, err)
}

func (h *servedHost) handle(m message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case m.Step != nil && h.running == 0:
		ctx, cancel := context.WithCancelCause(context.Background())
		h.running, h.cancel = m.ID, cancel
		h.steps.Go(func() { h.do(ctx, m) })
	case m.Cancel == "":
		return errors.New("it sent what it should not send now")
	case h.running == m.ID:
		h.cancel(errors.New(m.Cancel))
	}
	return nil
}

// do does a step and reports it.
func (h *servedHost) do(ctx context.Context, m message) {
	answer := message{ID: m.ID, Done: true}
	if err := h.host.Do(ctx, *m.Step); err != nil {
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

// end ends, once the stream has, the step that is being done and, unless the
// host is closed, the program. It waits for nothing. The host is not closed by
// it: its run was not over, and no seal may say otherwise.
func (h *servedHost) end() (closed bool) {
	h.mu.Lock()
	if h.running != 0 {
		h.cancel(ErrNoCoordinator)
	}
	h.mu.Unlock()
	h.steps.Wait()
	if !h.closed && h.host != nil {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(ErrNoCoordinator)
		_ = h.host.Do(ctx, topology.Step{Action: topology.Stop}) // nobody is left to be told
	}
	return h.closed
}

// leave asks the coordinator to close the host, as its container is being
// stopped, and ends the stream if it does not.
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
	time.AfterFunc(closeTimeout, func() { _ = h.conn.stream.Close() }) // whoever still writes, ends
	_ = h.conn.send(message{Leaving: errLeft.Error()})
}
