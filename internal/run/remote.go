package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

const (
	// pollInterval is how often the agents of containers look at their tables.
	pollInterval = 50 * time.Millisecond
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
	explain func(context.Context) string

	outgoing chan message
	ended    chan struct{} // closed when the stream has ended and err is set
	err      error         // what every further step answers

	mu        sync.Mutex
	steps     int
	pending   map[int]question
	closed    bool  // the agent did Close, or Close was called here: an end is no loss
	cause     error // why the stream ends, where one side said so before
	recordErr error // the first record that could not be written
}

// A question is a step that is not answered yet.
type question struct {
	action topology.Action
	answer chan reportMessage // takes one without waiting
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
		return nil, errors.Join(fmt.Errorf("%s: its agent %w", h.Name, err), stream.Close())
	}
	return newRemote(c, s, h, explain), nil
}

// hello reads the agent's first line.
func (c *conn) hello(ctx context.Context) (*Hello, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.stream.Close() })
	m, err := c.receive()
	switch {
	case !stop():
		return nil, fmt.Errorf("said nothing: %w", context.Cause(ctx))
	case errors.Is(err, io.EOF):
		return nil, errors.New("ended before it said who it is")
	case err != nil:
		return nil, fmt.Errorf("did not say who it is: %w", err)
	case m.Hello == nil:
		return nil, errors.New("did not say who it is: its first line is no hello")
	case m.Hello.Version != Version:
		return nil, fmt.Errorf("is of another version of fourtuple, %d, and this is %d: build the images anew", m.Hello.Version, Version)
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
	var has []netip.Addr
	for _, i := range hello.Interfaces {
		for _, p := range i.Addresses {
			if a := p.Addr(); a.Is4() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
				has = append(has, a)
			}
		}
	}
	var wants []netip.Addr
	for _, l := range h.Links {
		if l.Address.Addr().Is4() {
			wants = append(wants, l.Address.Addr())
		}
	}
	slices.SortFunc(has, netip.Addr.Compare)
	slices.SortFunc(wants, netip.Addr.Compare)
	if !slices.Equal(has, wants) {
		return fmt.Errorf("has the addresses %v, and the lab says %v: give its container the lab's networks and no other", has, wants)
	}
	return nil
}

// newRemote takes over the connection of an agent that said who it is.
func newRemote(c *conn, s Setup, h topology.Host, explain func(context.Context) string) *Remote {
	r := &Remote{
		name: h.Name, conn: c, record: s.Record, explain: explain,
		outgoing: make(chan message, 16), ended: make(chan struct{}), pending: make(map[int]question),
	}
	r.outgoing <- message{Setup: &HostSetup{
		Version: Version, Run: s.ID, LabHash: s.LabHash, Host: h, SetRoutes: true, Poll: pollInterval,
	}}
	go r.write()
	go r.read()
	return r
}

// Do has the agent do a step.
func (r *Remote) Do(ctx context.Context, step topology.Step) (Report, error) {
	id, answer := r.expect(step.Action)
	r.post(message{Step: &stepMessage{ID: id, Step: step}})
	over := ctx.Done()
	var late <-chan time.Time
	for {
		select {
		case a := <-answer:
			return r.result(a)
		case <-r.ended:
			select {
			case a := <-answer: // its last words
				return r.result(a)
			default:
				return Report{}, r.err
			}
		case <-over:
			over = nil
			r.post(message{Cancel: &cancelMessage{ID: id, Why: context.Cause(ctx).Error()}})
			timer := time.NewTimer(answerTimeout)
			defer timer.Stop()
			late = timer.C
		case <-late:
			r.hangUp(fmt.Errorf("it did not answer within %v", answerTimeout))
		}
	}
}

// expect makes room for the answer to a step.
func (r *Remote) expect(action topology.Action) (int, <-chan reportMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps++
	answer := make(chan reportMessage, 1)
	r.pending[r.steps] = question{action, answer}
	return r.steps, answer
}

// result is what a report means for the one who asked.
func (r *Remote) result(a reportMessage) (Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.Error != "" {
		return a.Report, errors.New(a.Error)
	}
	return a.Report, r.recordErr
}

// Close ends the stream, and returns when nothing more will be recorded of the
// host. An agent that was not closed before ends its program.
func (r *Remote) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	err := r.conn.stream.Close()
	<-r.ended
	return err
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

// post hands a message to the writer.
func (r *Remote) post(m message) {
	select {
	case r.outgoing <- m:
	case <-r.ended:
	}
}

// write sends what was posted. A goroutine of its own does, so that an agent
// that does not read keeps nobody from waiting for ctx.
func (r *Remote) write() {
	for {
		select {
		case <-r.ended:
			return
		case m := <-r.outgoing:
			if err := r.conn.send(m); err != nil {
				r.hangUp(fmt.Errorf("it can no longer be told anything: %w", err))
				return
			}
		}
	}
}

// read takes what the agent sends, to the end of the stream.
func (r *Remote) read() {
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
		why = r.howEnded(err)
		// Where this cannot be recorded, that the account has no end says it.
		_ = r.recordLost(why)
	}
	r.err = fmt.Errorf("%w: %s", ErrDead, why)
	close(r.ended)
}

func (r *Remote) handle(m message) error {
	switch {
	case m.Report != nil:
		return r.answered(*m.Report)
	case m.Evidence != nil:
		return r.recordEvidence(*m.Evidence)
	case m.Leaving != nil:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.cause = errors.New(m.Leaving.Why)
		return nil
	}
	return errors.New("it sent a message that agents do not send")
}

// answered hands a report to the one who waits for it.
func (r *Remote) answered(a reportMessage) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, asked := r.pending[a.ID]
	if !asked {
		return fmt.Errorf("it answered step %d, which nobody asked for", a.ID)
	}
	delete(r.pending, a.ID)
	r.closed = r.closed || q.action == topology.Close
	q.answer <- a
	return nil
}

// recordEvidence hands over records, which have to be whole. That they cannot
// be written is no end of the host: its next step says so.
func (r *Remote) recordEvidence(e evidenceMessage) error {
	if evidence.FileName("", e.Witness) == "" {
		return fmt.Errorf("it sent evidence of %q, which is no witness", e.Witness)
	}
	if e.Witness != evidence.Packets && len(e.Data) > 0 && !bytes.HasSuffix(e.Data, []byte("\n")) {
		return fmt.Errorf("it sent evidence of %s that ends within a record", e.Witness)
	}
	if err := r.record(r.name, e.Witness, e.Data); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.recordErr == nil {
			r.recordErr = err
		}
	}
	return nil
}

// howEnded says how the stream ended, and the engine's word for it.
func (r *Remote) howEnded(err error) string {
	text := "its agent's stream ended"
	if !errors.Is(err, io.EOF) {
		text += ": " + err.Error()
	}
	if r.explain == nil {
		return text
	}
	ctx, cancel := context.WithTimeout(context.Background(), explainTimeout)
	defer cancel()
	if more := strings.TrimSpace(r.explain(ctx)); more != "" {
		text += "; " + more
	}
	return text
}

// recordLost writes the last line of the account of a host that could not.
func (r *Remote) recordLost(why string) error {
	line, err := json.Marshal(evidence.HostEvent{
		Header: evidence.Header{Time: time.Now().UTC(), Host: r.name, Witness: evidence.Agent},
		Event:  evidence.HostLost, Error: why,
	})
	if err != nil {
		return err
	}
	return r.record(r.name, evidence.Agent, append(line, '\n'))
}
