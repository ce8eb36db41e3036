// Package agent is what runs first on a host: it records what the host's
// witnesses see, and runs the program under study as an unprivileged child.
//
// An Agent is made of a recorder, which keeps what each witness's file will be
// sealed with, of the tables that are looked at again and again (sockets, open
// files, translations), of a capture, and of a program. It does the steps that a
// coordinator asks for (run.Host), in a Namespace: that of a container whose
// first process it is (InPlace), or one that the netns engine made.
//
// Open sets routes and translation (containers' routes only: the netns engine
// sets its own), opens the witnesses, and dumps the tables before any program
// runs. Start starts the program and waits until it is ready (topology.Ready).
// Snapshot waits, no longer than two seconds, until nothing is on its way
// between the program and the network, and dumps the tables. Stop ends the
// program, Close flushes and seals. A step whose context is over waits for
// nothing: a program is not ready then, is killed instead of asked to end, and
// the tables are dumped as they are.
//
// An error of a step is in the host's account as well (HOST.host.jsonl).
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
	"github.com/fourtuple/fourtuple/internal/witness"
)

// A Config is what an agent needs to know.
type Config struct {
	Host topology.Host
	// Run is the run's id, LabHash the SHA-256 of its lab.json.
	Run, LabHash string
	// Record takes what the agent writes, whole records at a time.
	Record func(w evidence.Witness, records []byte) error
	// Namespace is where the host is.
	Namespace Namespace
	// SetRoutes says that the agent sets the host's routes itself, where the
	// engine cannot.
	SetRoutes bool
	// Poll is how often the witnesses that look rather than listen look while
	// the program runs.
	Poll time.Duration
	// Output, if set, gets what the program prints, in words, line by line.
	Output io.Writer
}

// An Agent is the agent of one host: a run.Host.
type Agent struct {
	Config
	recorder *recorder

	mu         sync.Mutex // a host does one step at a time
	interfaces []evidence.Interface
	tables     *tables          // nil until Open
	capture    *witness.Capture // nil until it begins
	program    *program         // nil until Start
	stopPolls  func()           // ends the polls of the tables, if there are any
	stopped    bool
	closed     bool

	outputMu sync.Mutex // a program has two streams to print to
}

var _ run.Host = (*Agent)(nil)

// New makes the agent of a host and registers it in its account.
func New(c Config) (*Agent, error) {
	a := &Agent{Config: c, recorder: newRecorder(c.Host.Name, c.Record)}
	return a, a.recorder.tell(evidence.HostEvent{Event: evidence.HostRegistered, Run: c.Run, Lab: c.LabHash})
}

// Do does a step.
func (a *Agent) Do(ctx context.Context, step topology.Step) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch step.Action {
	case topology.Open:
		err = a.open()
	case topology.Start:
		err = a.start(ctx)
	case topology.Snapshot:
		err = a.snapshot(ctx, step.Name)
	case topology.Stop:
		err = a.stop(ctx)
	case topology.Close:
		return a.close(ctx)
	default:
		err = fmt.Errorf("the agent cannot do the step %q", step.Action)
	}
	if err != nil {
		err = errors.Join(err, a.recorder.tell(evidence.HostEvent{Event: evidence.HostFailed, Error: err.Error()}))
	}
	return err
}

// open sets what must be set, and opens the witnesses.
func (a *Agent) open() error {
	translates := len(a.Host.Masquerade) > 0
	err := a.Namespace.Do(func() (err error) {
		if a.interfaces, err = witness.Interfaces(); err != nil {
			return err
		}
		if a.SetRoutes {
			if err := setRoutes(a.Host.Routes); err != nil {
				return err
			}
		}
		if translates {
			if err := translate(a.Host, a.interfaces); err != nil {
				return err
			}
		}
		a.tables, err = openTables(a.recorder, translates)
		return err
	})
	if err != nil {
		return err
	}
	if err := errors.Join(a.recorder.open(evidence.Packets), a.recorder.open(evidence.Program)); err != nil {
		return err
	}
	if a.Host.CaptureAfter == 0 || len(a.Host.Program) == 0 {
		if err := a.openCapture(); err != nil {
			return err
		}
	}
	_, number, err := a.tables.attempt(dump{}, true)
	if err != nil {
		return err
	}
	if translates {
		a.poll()
	}
	return a.recorder.tell(evidence.HostEvent{Event: evidence.HostLive, Interfaces: a.interfaces, Snapshot: number})
}

var errNotOpen = errors.New("its witnesses were never opened")

// openCapture starts to capture.
func (a *Agent) openCapture() error {
	return a.Namespace.Do(func() (err error) {
		a.capture, err = witness.OpenCapture(a.interfaces, a.recorder.output(evidence.Packets))
		return err
	})
}

// start starts the program, if the host has one, and waits until it is ready.
func (a *Agent) start(ctx context.Context) error {
	switch {
	case a.tables == nil:
		return errNotOpen
	case len(a.Host.Program) == 0:
		return nil
	case a.program != nil || a.stopped:
		return errors.New("its program was started or stopped before")
	}
	known, err := a.tables.look()
	if err != nil {
		return err
	}
	begun := time.Now()
	if ctx.Err() == nil {
		a.program, err = a.startProgram(ctx)
	}
	switch {
	case a.program == nil && ctx.Err() != nil:
		why := fmt.Sprintf("its program was not started: %v", context.Cause(ctx))
		return a.recorder.tell(evidence.HostEvent{Event: evidence.HostNotReady, Error: why})
	case err != nil:
		return err
	}
	a.tables.pid.Store(int64(a.program.PID()))
	a.poll()
	waits, err := a.captureLate(ctx)
	if waits == "" && err == nil {
		waits, err = a.waitReady(ctx, known)
	}
	if err != nil {
		return err
	}
	if waits != "" {
		why := fmt.Sprintf("waited %v for %s: %v", time.Since(begun).Round(time.Millisecond), waits, context.Cause(ctx))
		return a.recorder.tell(evidence.HostEvent{Event: evidence.HostNotReady, Error: why})
	}
	return a.recorder.tell(evidence.HostEvent{Event: evidence.HostReady})
}

// captureLate begins a capture that is to begin a while after the program. If
// ctx ends before, it returns what it waited for.
func (a *Agent) captureLate(ctx context.Context) (waits string, err error) {
	if a.Host.CaptureAfter == 0 {
		return "", nil
	}
	select {
	case <-ctx.Done():
		return "the capture to begin", nil
	case <-time.After(a.Host.CaptureAfter):
		return "", a.openCapture()
	}
}

// snapshot writes down sockets, open files and translations, under a name.
func (a *Agent) snapshot(ctx context.Context, name string) error {
	if a.tables == nil {
		return errNotOpen
	}
	number, idle, err := a.tables.snapshot(ctx)
	if err != nil {
		return err
	}
	return a.recorder.tell(evidence.HostEvent{Event: evidence.HostSnapshot, Name: name, Snapshot: number, Idle: idle})
}

// stop ends the program, and the polls: no more will be started.
func (a *Agent) stop(ctx context.Context) error {
	var err error
	a.stopped = true
	if a.program != nil {
		err = a.program.end(ctx, a.Host.StopSignal, a.Host.StopGrace)
	}
	if a.stopPolls != nil {
		a.stopPolls()
		a.stopPolls = nil
	}
	return errors.Join(err, a.recorder.tell(evidence.HostEvent{Event: evidence.HostStopped}))
}

// close flushes and seals. A host that was not stopped is stopped before. A
// second close does nothing.
func (a *Agent) close(ctx context.Context) error {
	if a.closed {
		return nil
	}
	a.closed = true
	var err error
	if !a.stopped {
		err = a.stop(ctx)
	}
	if a.capture != nil {
		stats, closeErr := a.capture.Close()
		a.recorder.output(evidence.Packets).count(stats.Packets, stats.Dropped)
		err = errors.Join(err, closeErr)
	}
	if a.tables != nil {
		err = errors.Join(err, a.tables.close())
	}
	if err != nil {
		err = errors.Join(err, a.recorder.tell(evidence.HostEvent{Event: evidence.HostFailed, Error: err.Error()}))
	}
	return errors.Join(err, a.recorder.tell(evidence.HostEvent{Event: evidence.HostClosed, Seals: a.recorder.seals()}))
}

// poll records the tables whenever they have changed, until stop.
func (a *Agent) poll() {
	if a.stopPolls != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	a.stopPolls = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(a.Poll):
				// That a table could not be read is no loss here: the next
				// snapshot says so.
				_ = a.tables.recordChange()
			}
		}
	}()
}
