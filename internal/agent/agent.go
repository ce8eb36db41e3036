// Package agent is what runs first on a host: it records what the host's
// witnesses see, and runs the programs under study as unprivileged children.
//
// An Agent is made of a recorder, which keeps what each witness's file will be
// sealed with, of the tables that are looked at again and again (sockets, open
// files, translations), of a capture, and of programs. It does the steps that a
// coordinator asks for (run.Host), in a Namespace: that of a container whose
// first process it is (InPlace), or one that the netns engine made.
//
// Open sets routes and translation (containers' routes only: the netns engine
// sets its own), opens the witnesses, and dumps the tables before any program
// runs. Start starts programs, one after the other, and waits for each until it
// is ready (topology.Ready); one that has ended can be started again. Type
// writes a line to a program's standard input and, if the program is a prompt
// (topology.Prompts), waits for its answer. Snapshot waits, no longer than two
// seconds, until nothing is on its way between programs and the network, and
// dumps the tables; bytes that stay where they are keep it no longer than it
// takes to see that. Cut and Mend have a router drop what it would forward
// between two subnets. Stop ends programs, Close ends those that are left,
// flushes and seals. A step whose context is over waits for nothing: a program
// is not started, or not ready then, is killed instead of asked to end, and the
// tables are dumped as they are.
//
// Steps of every other kind are done by the coordinator; the agent looks at its
// tables, and notes them. A step that has a number is noted once it is done,
// after all else that was noted of it; the error of one that could not be done
// is in the host's account as well (HOST.host.jsonl).
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"
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
	// Poll is how often the witnesses that look rather than listen look, from
	// the first program's start to the end.
	Poll time.Duration
	// Output, if set, gets what the programs print, in words, line by line.
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
	late       chan lateCapture // has one that begins after the first program; nil if none does
	stopLate   func()           // ends the wait for it
	programs   []*program       // those that were started, the last of each name, in that order
	stopPolls  func()           // ends the polls of the tables, if there are any
	closed     bool

	outputMu sync.Mutex // a program has two streams to print to
}

var _ run.Host = (*Agent)(nil)

// New makes the agent of a host and registers it in its account.
func New(c Config) (*Agent, error) {
	a := &Agent{Config: c, recorder: newRecorder(c.Host.Name, c.Record)}
	return a, a.recorder.tell(evidence.HostEvent{
		Event: evidence.HostRegistered, Run: c.Run, Lab: c.LabHash, Kernel: kernelRelease(),
	})
}

// Do does a step.
func (a *Agent) Do(ctx context.Context, step topology.Step) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if step.Action == topology.Close {
		return a.close(ctx)
	}
	answer, done, err := a.do(ctx, step)
	if err == nil && done && step.Number > 0 {
		err = a.recorder.tell(evidence.HostEvent{Event: evidence.HostStep, Step: step.Number, Answer: answer})
	}
	if err == nil {
		return nil
	}
	if step.Number > 0 && (step.Failed != "" || step.Action.EndsRun()) {
		err = fmt.Errorf("step %d: %w", step.Number, err)
	}
	return errors.Join(err, a.recorder.tell(evidence.HostEvent{Event: evidence.HostFailed, Error: err.Error()}))
}

// do does a step, and returns what a prompt answered, and whether the step is
// done: a program may not have been started.
func (a *Agent) do(ctx context.Context, step topology.Step) (answer *evidence.ProgramEvent, done bool, err error) {
	switch {
	case step.Action == topology.Open:
		return nil, true, a.open()
	case step.Action == topology.Stop:
		return nil, true, a.stop(ctx, step.On)
	case a.tables == nil:
		return nil, false, errNotOpen
	case step.Failed != "":
		return nil, false, errors.New(step.Failed)
	}
	done = true
	switch step.Action {
	case topology.Start:
		done, err = a.start(ctx, step.On)
	case topology.Type, topology.Signal:
		answer, err = a.tell(ctx, step)
	case topology.Snapshot:
		return nil, true, a.snapshot(ctx, step.Name)
	case topology.Cut, topology.Mend:
		err = a.forward(step)
	case topology.Wait, topology.Sleep:
	default:
		return nil, false, fmt.Errorf("the agent cannot do the step %q", step.Action)
	}
	a.look() // what the step changed is known when the next one begins
	return answer, done, err
}

// open sets what must be set, and opens the witnesses.
func (a *Agent) open() error {
	translates := a.Host.Translates()
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
	if a.Host.CaptureAfter == 0 || len(a.Host.Program)+len(a.Host.Programs) == 0 {
		if a.capture, err = a.openCapture(); err != nil {
			return err
		}
	}
	_, number, err := a.tables.attempt(dump{}, false, true)
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
func (a *Agent) openCapture() (capture *witness.Capture, err error) {
	err = a.Namespace.Do(func() (err error) {
		capture, err = witness.OpenCapture(a.interfaces, a.recorder.output(evidence.Packets))
		return err
	})
	return capture, err
}

// start starts programs, and waits for each until it is ready. Those that were
// not started, as ctx ended, are noted.
func (a *Agent) start(ctx context.Context, targets []string) (done bool, err error) {
	done = true
	for _, target := range targets {
		started, err := a.startOne(ctx, target)
		if err != nil {
			return false, err
		}
		done = done && started
	}
	return done, nil
}

func (a *Agent) startOne(ctx context.Context, target string) (started bool, err error) {
	_, name := topology.Target(target)
	args, ready := a.Host.Arguments(name)
	old := a.started(name)
	switch {
	case a.closed:
		return false, errors.New("its programs have ended, and no more are started")
	case len(args) == 0:
		return false, fmt.Errorf("there is no program %s", target)
	case old != nil && !old.hasEnded():
		return false, fmt.Errorf("%s runs already", target)
	}
	known, err := a.tables.look()
	if err != nil {
		return false, err
	}
	notReady := evidence.HostEvent{Event: evidence.HostNotReady, Program: name}
	begun := time.Now()
	var p *program
	if ctx.Err() == nil {
		p, err = a.startProgram(ctx, name, args)
	}
	switch {
	case p == nil && ctx.Err() != nil:
		notReady.Error = fmt.Sprintf("%s was not started: %v", target, context.Cause(ctx))
		return false, a.recorder.tell(notReady)
	case p != nil:
		a.programs = append(slices.DeleteFunc(a.programs, func(q *program) bool { return q == old }), p)
	}
	if err != nil {
		return false, err
	}
	a.poll()
	a.captureLater()
	waits, err := a.waitReady(ctx, p, ready, known)
	switch {
	case err != nil:
		return false, err
	case waits != "":
		notReady.PID = p.PID()
		notReady.Error = fmt.Sprintf("waited %v for %s: %v", time.Since(begun).Round(time.Millisecond), waits, context.Cause(ctx))
		return true, a.recorder.tell(notReady)
	}
	return true, a.recorder.tell(evidence.HostEvent{Event: evidence.HostReady, Program: name, PID: p.PID()})
}

// started is the program of that name that was started last, nil if none was.
func (a *Agent) started(name string) *program {
	for _, p := range a.programs {
		if p.name == name {
			return p
		}
	}
	return nil
}

// tell types a line to a program, or sends signals to programs.
func (a *Agent) tell(ctx context.Context, step topology.Step) (answer *evidence.ProgramEvent, err error) {
	for _, target := range step.On {
		_, name := topology.Target(target)
		p := a.started(name)
		switch {
		case p == nil:
			return nil, fmt.Errorf("%s: %s was not started", step, target)
		case p.hasEnded():
			return nil, fmt.Errorf("%s: %s has ended", step, target)
		case step.Action == topology.Type:
			answer, err = p.typeLine(ctx, step.Line)
		case signalNamed(step.Signal) == nil:
			err = errors.New("there is no such signal")
		default:
			err = p.Signal(signalNamed(step.Signal))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
	}
	return answer, nil
}

// forward has the host forward nothing any more between two of its subnets, or
// has it forward again.
func (a *Agent) forward(step topology.Step) error {
	between := make([]evidence.Interface, 0, 2)
	for _, subnet := range step.Subnets {
		i := slices.IndexFunc(a.Host.Links, func(l topology.Link) bool { return l.Subnet == subnet })
		if i < 0 {
			return fmt.Errorf("%s: it is not on %s", step, subnet)
		}
		at, err := interfaceOf(a.interfaces, a.Host.Links[i])
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		between = append(between, at)
	}
	if len(between) != 2 {
		return fmt.Errorf("%s: it takes two subnets", step)
	}
	change := cut
	if step.Action == topology.Mend {
		change = mend
	}
	err := a.Namespace.Do(func() error { return change(between[0], between[1]) })
	if err != nil {
		return fmt.Errorf("%s: %w", step, err)
	}
	return nil
}

// interfaceOf is the interface that has the link's address.
func interfaceOf(interfaces []evidence.Interface, l topology.Link) (evidence.Interface, error) {
	at := slices.IndexFunc(interfaces, func(i evidence.Interface) bool { return slices.Contains(i.Addresses, l.Address) })
	if at < 0 {
		return evidence.Interface{}, fmt.Errorf("no interface has the address %s of %s", l.Address, l.Subnet)
	}
	return interfaces[at], nil
}

// A lateCapture is a capture that began late, or why it did not. It is neither
// if the host was closed before.
type lateCapture struct {
	capture *witness.Capture
	err     error
}

// captureLater begins the capture a while after the first program's start, of a
// host that is to capture too late. Steps go on meanwhile, for it is to miss them.
func (a *Agent) captureLater() {
	if a.capture != nil || a.late != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	late := make(chan lateCapture, 1)
	a.late, a.stopLate = late, cancel
	go func() {
		select {
		case <-ctx.Done():
			late <- lateCapture{}
		case <-time.After(a.Host.CaptureAfter):
			capture, err := a.openCapture()
			late <- lateCapture{capture, err}
		}
	}()
}

// waitForCapture waits for a capture that begins late, while ctx lasts.
func (a *Agent) waitForCapture(ctx context.Context) error {
	if a.capture != nil || a.late == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case began := <-a.late:
		a.late, a.capture = nil, began.capture
		return began.err
	}
}

// snapshot writes down sockets, open files and translations, under a name. A
// capture that begins late has begun by then.
func (a *Agent) snapshot(ctx context.Context, name string) error {
	if err := a.waitForCapture(ctx); err != nil {
		return err
	}
	number, idle, err := a.tables.snapshot(ctx)
	if err != nil {
		return err
	}
	return a.recorder.tell(evidence.HostEvent{Event: evidence.HostSnapshot, Name: name, Snapshot: number, Idle: idle})
}

// stop ends programs, in that order; without targets, all of them, the last that
// was started first. What was not started, or has ended, has stopped.
func (a *Agent) stop(ctx context.Context, targets []string) error {
	var programs []*program
	for _, target := range targets {
		_, name := topology.Target(target)
		if p := a.started(name); p != nil {
			programs = append(programs, p)
		}
	}
	if len(targets) == 0 {
		programs = slices.Clone(a.programs)
		slices.Reverse(programs)
	}
	signal := signalNamed(a.Host.StopSignal)
	if signal == nil {
		signal = syscall.SIGTERM
	}
	var errs []error
	for _, p := range programs {
		errs = append(errs, p.end(ctx, signal, a.Host.StopGrace))
	}
	a.look()
	return errors.Join(errs...)
}

// close ends what still runs, flushes and seals. A second close does nothing.
func (a *Agent) close(ctx context.Context) error {
	if a.closed {
		return nil
	}
	a.closed = true
	err := a.stop(ctx, nil)
	if a.stopPolls != nil {
		a.stopPolls()
	}
	err = errors.Join(err, a.recorder.tell(evidence.HostEvent{Event: evidence.HostStopped}))
	if a.late != nil {
		a.stopLate()
		err = errors.Join(err, a.waitForCapture(context.Background()))
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

// poll has the tables looked at again and again, until close.
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
				_ = a.tables.recordChange()
			}
		}
	}()
}

// look looks at the tables as polls do, if there are any, and records them if
// they have changed. That a table could not be read is no loss here: the next
// snapshot says so.
func (a *Agent) look() {
	if a.stopPolls != nil {
		_ = a.tables.recordChange()
	}
}
