package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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
	uncut, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	s.leaving = cut
	network, err := e.Up(ctx, s)
	if err != nil {
		return err
	}
	c := &coordinator{Options: o, lab: s.Lab, network: network, failed: make(map[string]bool), cut: cut}
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

	cut func(error) // ends what the hosts wait for

	mu     sync.Mutex      // guards these while hosts do a step
	failed map[string]bool // the hosts that failed at something
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
	c.forEachHost(limited, topology.Step{Action: topology.Open})
	cutShort := false // once the snapshot after the cut is taken
	for i, step := range c.lab.Steps {
		switch step.Action {
		case topology.Stop:
			c.end(ctx, step)
		case topology.Snapshot:
			if len(c.errs) > 0 || cutShort {
				continue
			}
			cutShort = limited.Err() != nil
			c.end(ctx, step)
			if i == last && c.Pause != nil && uncut.Err() == nil {
				c.Pause(uncut, c.network)
				if ctx.Err() != nil {
					ctx = context.WithoutCancel(ctx) // it ended the pause, and no more
				}
				c.end(ctx, step)
			}
		default: // where the run was cut short, hosts note that they did not start
			if len(c.errs) == 0 {
				c.forEachHost(limited, step)
			}
		}
	}
	c.end(ctx, topology.Step{Action: topology.Close})
}

// end does a step that is done in every run, also in one that was cut short. If
// ctx is over, hosts do such a step without waiting for anything.
func (c *coordinator) end(ctx context.Context, step topology.Step) {
	within := ShutdownTimeout
	if step.Action == topology.Stop {
		for _, h := range c.lab.Hosts {
			within = max(within, ShutdownTimeout+h.StopGrace)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("%s took longer than %v", step.Action, within))
	defer cancel()
	c.forEachHost(ctx, step)
}

// forEachHost has all hosts of a step do it at once, and waits for all of them.
// A host that failed before is not started, but what it has is still recorded,
// stopped and closed.
func (c *coordinator) forEachHost(ctx context.Context, step topology.Step) {
	hosts := c.hostsOf(step)
	done := -1
	progress := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		done++
		if c.Progress != nil {
			c.Progress(string(step.Action), done, len(hosts))
		}
	}
	progress()
	var wait sync.WaitGroup
	for _, name := range hosts {
		wait.Go(func() {
			// Which hosts take part is the step's own; an agent needs to know
			// only what it is to do.
			if err := c.network.Hosts[name].Do(ctx, topology.Step{Action: step.Action, Name: step.Name}); err != nil {
				c.recordFailure(step, name, err)
			}
			progress()
		})
	}
	wait.Wait()
}

func (c *coordinator) hostsOf(step topology.Step) []string {
	names := step.Hosts()
	if len(names) == 0 {
		for _, h := range c.lab.Hosts {
			names = append(names, h.Name)
		}
	}
	if step.Action != topology.Start {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return c.failed[name] })
}

// recordFailure keeps the first error of a host: what follows from it is no
// news.
func (c *coordinator) recordFailure(step topology.Step, name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed[name] {
		return
	}
	c.failed[name] = true
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
