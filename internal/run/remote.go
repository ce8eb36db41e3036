package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

const (
	// answerTimeout is how long an agent may take to do a step in which it is
	// to wait for nothing any more. One that takes longer counts as dead.
	answerTimeout = 10 * time.Second
	// explainTimeout bounds finding out how a host ended.
	explainTimeout = 3 * time.Second
)

// A Remote is a host that is led over a stream.
type Remote struct {
	name    string
	conn    *conn
	record  Recorder
	leaving func(error) // nil where nobody needs to know
	explain func(context.Context) string
	answers chan message  // takes one without waiting; closed by the stream's end
	ended   chan struct{} // closed when nothing more will be recorded
	err     error         // what steps answer once answers is closed

	mu        sync.Mutex
	step      message // the last one that the agent was sent
	answered  bool    // it has answered that
	closed    bool    // it did Close, or Close was called here: an end is no loss
	cause     error   // why the stream ends, where one side said so before
	recordErr error   // the first record that could not be written
}

// Connect leads a host over a stream whose other end is its agent's (see
// Serve). It waits for the agent's first words, until ctx ends, checks that it
// is this lab's host, and tells it what the run is. explain, if set, says how
// the host ended, for instance its container's exit status, when the stream has
// ended before its time. On an error the stream is closed.
func Connect(ctx context.Context, stream io.ReadWriteCloser, s Setup, h topology.Host, explain func(context.Context) string) (*Remote, error) {
	c := newConn(stream)
	hello, err := c.hello(ctx)
	if err == nil {
		err = hello.check(h)
	}
	if err != nil {
		_ = stream.Close() // it may be closed, as ctx has ended
		if errors.Is(err, errSilent) && explain != nil {
			err = fmt.Errorf("%w: %s", err, explain(ctx))
		}
		return nil, fmt.Errorf("%s: its agent %w", h.Name, err)
	}
	return newRemote(c, s, h, explain), nil
}

var errSilent = errors.New("ended before it said who it is")

// hello reads the agent's first line.
func (c *conn) hello(ctx context.Context) (*Hello, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.stream.Close() })
	m, err := c.receive()
	switch {
	case !stop():
		return nil, fmt.Errorf("said nothing: %w", context.Cause(ctx))
	case errors.Is(err, io.EOF):
		return nil, errSilent
	case err != nil:
		return nil, fmt.Errorf("did not say who it is: %w", err)
	case m.Hello == nil:
		return nil, errors.New("did not say who it is: its first line is no hello")
	case m.Hello.Version != Version:
		return nil, fmt.Errorf("is of another version of fourtuple, %d, and this is %d: build the images anew, and let go of volumes with the old ones by `docker compose down -v`", m.Hello.Version, Version)
	}
	return m.Hello, nil
}

// check tells whether the agent is where and what the lab says.
func (hello *Hello) check(h topology.Host) error {
	if hello.Host != h.Name {
		return fmt.Errorf("was started as %q", hello.Host)
	}
	if hello.Program != nil && !slices.Equal(hello.Program, h.Program) {
		return fmt.Errorf("would run %q, and the lab says %q: start the whole lab from one file", hello.Program, h.Program)
	}
	if err := evidence.CheckInterfaces(hello.Interfaces, h.Links); err != nil {
		return fmt.Errorf("is not where the lab says: %w: give its container the lab's networks and no other", err)
	}
	return nil
}

// newRemote takes over the connection of an agent that said who it is.
func newRemote(c *conn, s Setup, h topology.Host, explain func(context.Context) string) *Remote {
	r := &Remote{
		name: h.Name, conn: c, record: s.Record, leaving: s.leaving, explain: explain,
		answers: make(chan message, 1), ended: make(chan struct{}), answered: true,
	}
	go r.read()
	timer := time.AfterFunc(answerTimeout, func() { r.hangUp(fmt.Errorf("it did not listen for %v", answerTimeout)) })
	defer timer.Stop()
	r.send(message{Setup: &HostSetup{Run: s.ID, LabHash: s.LabHash, Host: h}})
	return r
}

// send tells the agent something. That it cannot be told anything more shows to
// whoever waits for it.
func (r *Remote) send(m message) {
	if err := r.conn.send(m); err != nil {
		r.hangUp(fmt.Errorf("it can no longer be told anything: %w", err))
	}
}

// hangUp ends the stream, and says why.
func (r *Remote) hangUp(why error) {
	r.mu.Lock()
	if r.cause == nil {
		r.cause = why
	}
	r.mu.Unlock()
	_ = r.conn.stream.Close() // that it ended shows in read
}

// Close ends the stream, and returns when nothing more will be recorded of the
// host. An agent that was not closed before ends its program.
func (r *Remote) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	_ = r.conn.stream.Close() // it may have ended before
	<-r.ended
	return nil
}

// Do has the agent do a step.
func (r *Remote) Do(ctx context.Context, step topology.Step) error {
	r.mu.Lock()
	r.step = message{ID: r.step.ID + 1, Step: &step}
	r.answered = false
	m := r.step
	r.mu.Unlock()
	done := make(chan struct{})
	defer close(done)
	go func() { // an agent that is frozen does not read
		r.send(m)
		select {
		case <-done:
		case <-ctx.Done():
			r.send(message{ID: m.ID, Cancel: context.Cause(ctx).Error()})
		}
	}()
	over := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case <-over:
			over, late = nil, time.After(answerTimeout)
		case <-late:
			r.hangUp(fmt.Errorf("it did not answer within %v", answerTimeout))
		case answer, ok := <-r.answers:
			if !ok {
				return r.err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if answer.Error != "" {
				return errors.New(answer.Error)
			}
			return r.recordErr
		}
	}
}

// read takes what the agent sends, to the end of the stream.
func (r *Remote) read() {
	defer close(r.ended)
	defer close(r.answers)
	var err error
	for err == nil {
		var m message
		if m, err = r.conn.receive(); err == nil {
			err = r.handle(m)
		}
	}
	_ = r.conn.stream.Close() // the other end may be half open still
	r.mu.Lock()
	closed := r.closed
	if r.cause != nil {
		err = r.cause
	}
	r.mu.Unlock()
	why := "it was closed"
	if !closed {
		why = r.recordLost(err)
	}
	r.err = fmt.Errorf("%w: %s", ErrDead, why)
}

func (r *Remote) handle(m message) error {
	if m.Evidence != "" {
		return r.recordEvidence(m.Evidence, m.Data)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case m.Leaving != "":
		r.cause = errors.New(m.Leaving)
		if r.leaving != nil {
			r.leaving(fmt.Errorf("%s: %w", r.name, r.cause))
		}
	case !m.Done:
		return errors.New("it sent a message that agents do not send")
	case r.answered || m.ID != r.step.ID:
		return fmt.Errorf("it answered step %d, which nobody asked for", m.ID)
	default:
		r.answered = true
		r.closed = r.closed || r.step.Step.Action == topology.Close
		r.answers <- m
	}
	return nil
}

// recordEvidence hands over records. That they cannot be written is no end of
// the host: its next step says so.
func (r *Remote) recordEvidence(w evidence.Witness, records []byte) error {
	if evidence.FileName("", w) == "" {
		return fmt.Errorf("it sent evidence of %q, which is no witness", w)
	}
	if err := r.record(r.name, w, records); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.recordErr = cmp.Or(r.recordErr, err)
	}
	return nil
}

// recordLost says how the stream ended, and the engine's word for it, and writes
// that as the last line of the account of a host that could not.
func (r *Remote) recordLost(err error) string {
	why := "its agent's stream ended"
	if !errors.Is(err, io.EOF) {
		why += ": " + err.Error()
	}
	if r.explain != nil {
		ctx, cancel := context.WithTimeout(context.Background(), explainTimeout)
		defer cancel()
		why += "; " + r.explain(ctx)
	}
	line, err := json.Marshal(evidence.HostEvent{
		Header: evidence.Header{Time: time.Now().UTC(), Host: r.name, Witness: evidence.Agent},
		Event:  evidence.HostLost, Error: why,
	})
	if err == nil {
		// Where this cannot be recorded, that the account has no end says it.
		_ = r.record(r.name, evidence.Agent, append(line, '\n'))
	}
	return why
}
