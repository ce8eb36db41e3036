package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

const (
	// ShutdownTimeout bounds each of the steps that end a run, the grace that
	// programs have to stop aside.
	ShutdownTimeout = 15 * time.Second
	// downTimeout bounds what an engine has to undo.
	downTimeout = 2 * time.Minute
)

// Run brings the lab up by the engine, walks its steps, and brings it down,
// whatever happens on the way. The package documentation says when it returns
// an error. That the lab's limit or ctx ended once the hosts were up is none:
// there is evidence of what was until then.
func Run(ctx context.Context, e Engine, s Setup, o Options) error {
	watches, err := newWatches(&s)
	if err != nil {
		return err
	}
	uncut, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	s.leaving = cut
	network, err := e.Up(ctx, s)
	if err != nil {
		return err
	}
	c := &coordinator{
		Options: o, lab: s.Lab, network: network, watches: watches,
		failed: make(map[string]bool), cut: cut,
	}
	c.walk(ctx, uncut)
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
	defer cancel()
	// What cannot be undone costs nothing of the evidence.
	if err := network.Down(down); err != nil && len(c.errs) == 0 && o.OnHostError != nil {
		o.OnHostError(fmt.Errorf("the run is over, but not all of its network is gone: %w", err))
	} else {
		c.errs = append(c.errs, err)
	}
	return errors.Join(c.errs...)
}

// A coordinator walks the steps of one run.
type coordinator struct {
	Options
	lab     *topology.Lab
	network *Network
	watches map[int]*watch // by the numbers of the Wait steps

	cut     func(error) // ends what the hosts wait for
	running [][]string  // the targets that were started and not stopped, as they were started

	mu     sync.Mutex      // guards these while hosts do a step
	failed map[string]bool // the hosts that failed at something
	ended  bool            // a step failed that ends the run
	errs   []error         // why the run could not be made
}

// walk walks the lab's steps, between Open and Close on all hosts. uncut is ctx
// until the run is cut short.
func (c *coordinator) walk(ctx, uncut context.Context) {
	limited, cancel := context.WithTimeoutCause(uncut, c.lab.Limit,
		fmt.Errorf("the lab's limit of %v was over", c.lab.Limit))
	defer cancel()
	last := -1
	for i, step := range c.lab.Steps {
		if step.Action == topology.Snapshot {
			last = i
		}
	}
	c.onHosts(limited, topology.Step{Action: topology.Open})
	lastTaken := false // the snapshot after the run was cut short
	for i, step := range c.lab.Steps {
		over := c.ended || len(c.errs) > 0
		left := over || limited.Err() != nil
		switch step.Action {
		case topology.Stop:
			if over {
				step.Number = 0 // it is the run's end, and no step of the lab
			}
			c.end(ctx, step)
			continue
		case topology.Start: // where the run was cut short, hosts note that they did not
			left = over
		case topology.Snapshot:
			left = over || lastTaken
		}
		switch {
		case over:
		case left:
			step.Failed = fmt.Sprintf("%s: it was not done: %v", step, context.Cause(limited))
			c.onHosts(limited, step)
		case step.Action == topology.Start:
			c.running = append(c.running, step.On)
			c.onHosts(limited, step)
		case step.Action == topology.Snapshot:
			lastTaken = limited.Err() != nil
			c.end(ctx, step)
			if i == last && c.Pause != nil && uncut.Err() == nil {
				c.Pause(uncut, c.network)
				if ctx.Err() != nil {
					ctx = context.WithoutCancel(ctx) // it ended the pause, and no more
				}
				c.end(ctx, topology.Step{Action: topology.Snapshot, Name: step.Name})
			}
		default:
			c.do(limited, step)
		}
	}
	for _, targets := range slices.Backward(c.running) {
		if len(targets) > 0 {
			c.end(ctx, topology.Step{Action: topology.Stop, On: targets})
		}
	}
	c.end(ctx, topology.Step{Action: topology.Close})
}

// do does a step that is not begun in a run that was cut short.
func (c *coordinator) do(ctx context.Context, step topology.Step) {
	hosts := c.hostsOf(step)
	c.tell(step, 0, len(hosts))
	switch step.Action {
	case topology.Wait:
		look := step
		look.Number = 0
		if err := c.network.Hosts[hosts[0]].Do(ctx, look); err != nil {
			c.recordFailure(step, hosts[0], err)
			return
		}
		step.Failed = c.wait(ctx, step)
	case topology.Sleep:
		select {
		case <-ctx.Done():
			step.Failed = fmt.Sprintf("%s: %v", step, context.Cause(ctx))
		case <-time.After(step.For):
		}
	}
	c.onHosts(ctx, step)
}

// errWithin is why a Wait is over that says how long it waits.
var errWithin = errors.New("it waits no longer")

// wait waits until the watch of a Wait step says that it is over, and says why
// it failed if it did.
func (c *coordinator) wait(ctx context.Context, step topology.Step) (failed string) {
	if step.For > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, step.For, errWithin)
		defer cancel()
	}
	table := step.On[0] + "." + step.Table
	err := c.watches[step.Number].wait(ctx)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errWithin):
		return fmt.Sprintf("%s: no row is so that %s within %v", table, step.Where, step.For)
	case ctx.Err() != nil:
		return fmt.Sprintf("%s: no row is so that %s: %v", table, step.Where, err)
	}
	return fmt.Sprintf("%s: %v", table, err)
}

// tell says how far a step is.
func (c *coordinator) tell(step topology.Step, done, total int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Progress != nil {
		c.Progress(step.String(), done, total)
	}
}

// end does a step that is done in every run, also in one that was cut short. If
// ctx is over, hosts do such a step without waiting for anything.
func (c *coordinator) end(ctx context.Context, step topology.Step) {
	within := ShutdownTimeout
	if step.Action == topology.Stop {
		for _, h := range c.lab.Hosts {
			within = max(within, ShutdownTimeout+h.StopGrace*time.Duration(len(onHost(step, h.Name).On)))
		}
		for i := range c.running {
			c.running[i] = slices.DeleteFunc(slices.Clone(c.running[i]), func(on string) bool { return slices.Contains(step.On, on) })
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%s took longer than %v", step.Action, within))
	defer cancel()
	c.onHosts(ctx, step)
}

// onHosts has all hosts of a step do it at once, and waits for all of them. A
// host that failed before is not started, but what it has is still recorded,
// stopped and closed.
func (c *coordinator) onHosts(ctx context.Context, step topology.Step) {
	hosts := c.hostsOf(step)
	c.tell(step, 0, len(hosts))
	var done atomic.Int32
	var wait sync.WaitGroup
	for _, name := range hosts {
		wait.Go(func() {
			if err := c.network.Hosts[name].Do(ctx, onHost(step, name)); err != nil {
				c.recordFailure(step, name, err)
			}
			c.tell(step, int(done.Add(1)), len(hosts))
		})
	}
	wait.Wait()
}

// onHost is the step with the host's own targets.
func onHost(step topology.Step, host string) topology.Step {
	step.On = slices.DeleteFunc(slices.Clone(step.On), func(on string) bool {
		of, _ := topology.Target(on)
		return of != host
	})
	return step
}

func (c *coordinator) hostsOf(step topology.Step) []string {
	names := step.Hosts()
	if len(names) == 0 {
		names = c.lab.HostNames()
	}
	if step.Action != topology.Start {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return c.failed[name] })
}

// recordFailure keeps the first error of a host: what follows from it is no
// news.
func (c *coordinator) recordFailure(step topology.Step, name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.failed[name] || step.Failed != "" && c.ended // by another host
	c.failed[name] = true
	c.ended = c.ended || step.Failed != "" || step.Action.EndsRun()
	if told {
		return
	}
	err = fmt.Errorf("%s: %w", name, err)
	making := step.Action == topology.Open || step.Action == topology.Start
	switch {
	case making && !errors.Is(err, ErrDead):
		c.errs = append(c.errs, err)
		c.cut(err)
	case c.OnHostError != nil:
		c.OnHostError(err)
	}
}
