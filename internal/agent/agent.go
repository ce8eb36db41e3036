package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Config is what an agent needs to know.
type Config struct {
	Host topology.Host
	// Lab is the lab's text, whose hash the agent notes.
	Lab []byte
	// Folder is the run folder.
	Folder string
	Place  Place
	// Routes says that the agent sets the host's routes and translation
	// itself, where the engine cannot.
	Routes bool
	// Poll is how often the witnesses that look rather than listen look while
	// the program runs.
	Poll time.Duration
	// Quiet is how long a program that tells nothing of itself must change
	// nothing before it counts as settled; 0 means two seconds.
	Quiet time.Duration
	// Claim, if set, is called with the account's file before the first word
	// is written to it.
	Claim func(*os.File) error
	// Output, if set, gets what the program prints, line by line.
	Output io.Writer
}

// An Agent is the agent of one host. Its steps are those of run.Host, and
// are called one after the other.
type Agent struct {
	Config
	account *evidence.Output

	mu        sync.Mutex // guards the witnesses' dumps
	snapshot  int
	witnesses *witnesses
	baseline  []evidence.Socket // before the program started
	program   *running
	watching  sync.WaitGroup
	stop      context.CancelFunc
	closed    bool
}

// New makes the agent of a host and registers it in its account.
func New(c Config) (*Agent, error) {
	account, err := evidence.Create(c.Folder, c.Host.Name, evidence.Agent)
	if err != nil {
		return nil, err
	}
	a := &Agent{Config: c, account: account}
	if c.Claim != nil {
		if err := c.Claim(account.File()); err != nil {
			return nil, fmt.Errorf("lock %s: %w", account.File().Name(), err)
		}
	}
	return a, a.tell(evidence.HostEvent{Event: evidence.HostRegistered, Lab: evidence.LabHash(c.Lab)})
}

// header is the head of a record of now.
func (a *Agent) header(w evidence.Witness) evidence.Header {
	return evidence.Header{Time: time.Now().UTC(), Host: a.Host.Name, Witness: w}
}

// tell writes an event into the agent's account.
func (a *Agent) tell(e evidence.HostEvent) error {
	e.Header = a.header(evidence.Agent)
	return evidence.Append(a.account, e)
}

// answer tells of a step that was done, or of why it was not.
func (a *Agent) answer(err error, e evidence.HostEvent) error {
	if err != nil {
		e = evidence.HostEvent{Event: evidence.HostFailed, Error: err.Error()}
	}
	return errors.Join(err, a.tell(e))
}

// Open sets routes where the engine could not, and opens the witnesses.
func (a *Agent) Open(context.Context) error {
	var interfaces []evidence.Interface
	err := a.Place.Enter(func() (err error) {
		if a.Routes {
			if err := setRoutes(a.Host); err != nil {
				return err
			}
		}
		if interfaces, err = listInterfaces(); err != nil {
			return err
		}
		a.witnesses, err = openWitnesses(a, interfaces)
		return err
	})
	return a.answer(err, evidence.HostEvent{Event: evidence.HostLive, Interfaces: interfaces})
}

// Start starts the program, if the host has one.
func (a *Agent) Start(context.Context) error {
	if len(a.Host.Program) == 0 {
		return a.answer(nil, evidence.HostEvent{Event: evidence.HostStarted})
	}
	if a.witnesses == nil {
		return a.answer(errNotOpen, evidence.HostEvent{})
	}
	baseline, err := a.witnesses.sockets(a.header(evidence.Sockets), 0)
	if err != nil {
		return a.answer(err, evidence.HostEvent{})
	}
	a.baseline = baseline
	program, err := a.start()
	if err != nil {
		return a.answer(err, evidence.HostEvent{})
	}
	a.program = program
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.watching.Go(func() { a.watch(ctx) })
	a.watching.Go(a.exited)
	return a.answer(nil, evidence.HostEvent{Event: evidence.HostStarted, PID: program.PID(), Command: a.Host.Program})
}

// exited tells when the program ends.
func (a *Agent) exited() {
	<-a.program.done
	status := a.program.status
	// That the account cannot be written shows at the next step.
	_ = a.tell(evidence.HostEvent{Event: evidence.HostExited, Status: &status})
}

// Settle waits until the program has settled, and a capture that was to start
// late has started.
func (a *Agent) Settle(ctx context.Context) error {
	if a.program != nil {
		if err := a.settled(ctx); err != nil {
			return err
		}
	}
	if err := a.lateCapture(ctx); err != nil {
		return a.answer(err, evidence.HostEvent{})
	}
	return a.answer(nil, evidence.HostEvent{Event: evidence.HostSettled})
}

// Snapshot writes down sockets, open files and translations.
func (a *Agent) Snapshot(context.Context) error {
	if a.witnesses == nil {
		return a.answer(errNotOpen, evidence.HostEvent{})
	}
	number, err := a.look()
	return a.answer(err, evidence.HostEvent{Event: evidence.HostSnapshot, Snapshot: number})
}

var errNotOpen = errors.New("its witnesses were never opened")

// Stop ends the program: its stop signal first, and SIGKILL after its grace.
func (a *Agent) Stop(ctx context.Context) error {
	var err error
	if a.program != nil {
		err = a.program.end(ctx, a.Host.StopSignal, a.Host.StopGrace)
		a.stop()
		a.watching.Wait()
	}
	return a.answer(err, evidence.HostEvent{Event: evidence.HostStopped})
}

// Close flushes and seals. A second Close does nothing.
func (a *Agent) Close(context.Context) error {
	if a.closed {
		return nil
	}
	a.closed = true
	var seals []evidence.Seal
	var err error
	if a.witnesses != nil {
		seals, err = a.witnesses.close()
	}
	if err != nil {
		err = a.answer(err, evidence.HostEvent{})
	}
	err = errors.Join(err, a.tell(evidence.HostEvent{Event: evidence.HostClosed, Seals: seals}))
	_, closeErr := a.account.Close()
	return errors.Join(err, closeErr)
}
