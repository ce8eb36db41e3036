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

// Closing bounds the end of a run that ran into its limit or was interrupted:
// what is left of the evidence must still be written down.
const Closing = 15 * time.Second

// Options are what a run may do besides running.
type Options struct {
	// Hold, if set, is called when every program has settled and the last
	// snapshot is taken; the lab stays up until it returns.
	Hold func(context.Context)
	// Progress, if set, is told how many of all hosts have done a step, 0 when
	// the step begins, by one goroutine after another.
	Progress func(step string, done, total int)
	// Lost, if set, is called when a host is lost on the way, or cannot give
	// all its evidence: the run goes on, and the verdict will miss it.
	Lost func(error)
}

// Run leads the hosts through a run, and to its end whatever happens on the
// way. A host that dies costs its own evidence, and Lost is told. A host that
// says why it cannot open its witnesses or start its program makes the run one
// that could not be made, and that is the error that Run returns. When ctx ends,
// Run still takes a snapshot, stops and closes, within Closing.
func Run(ctx context.Context, lab *topology.Lab, hosts map[string]Host, o Options) error {
	r := &run{Options: o, hosts: hosts, failed: make(map[string]bool)}
	order := levels(lab.Hosts)
	all := slices.Concat(order...)

	r.each(ctx, "open", all, Host.Open)
	for _, level := range order {
		r.each(ctx, "start", r.sound(level), Host.Start)
		r.each(ctx, "settle", r.sound(level), Host.Settle)
	}
	ending, cancel := r.ending(ctx)
	defer cancel()
	r.each(ending, "snapshot", all, Host.Snapshot)
	if o.Hold != nil && ctx.Err() == nil && len(r.failed) == 0 {
		o.Hold(ctx)
		cancel()
		ending, cancel = r.ending(ctx)
		defer cancel()
		r.each(ending, "snapshot", all, Host.Snapshot)
	}
	for _, level := range slices.Backward(order) {
		r.each(ending, "stop", level, Host.Stop)
	}
	r.each(ending, "close", all, Host.Close)
	return errors.Join(r.errs...)
}

type run struct {
	Options
	hosts map[string]Host

	mu     sync.Mutex
	failed map[string]bool
	errs   []error
}

// ending is a context for what must be done even when ctx is over.
func (r *run) ending(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), Closing)
}

// sound leaves out the hosts that have failed: their programs are not started.
func (r *run) sound(names []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return r.failed[name] })
}

// each asks all the named hosts for a step at once, and waits for all of them.
func (r *run) each(ctx context.Context, step string, names []string, do func(Host, context.Context) error) {
	done := -1
	tell := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		done++
		if r.Progress != nil {
			r.Progress(step, done, len(names))
		}
	}
	tell()
	var wait sync.WaitGroup
	for _, name := range names {
		wait.Go(func() {
			if err := do(r.hosts[name], ctx); err != nil {
				r.note(ctx, step, name, err)
			}
			tell()
		})
	}
	wait.Wait()
}

// note keeps an error. That time ran out while a program had not settled is
// none: what it did until then is evidence all the same.
func (r *run) note(ctx context.Context, step, name string, err error) {
	if step == "settle" && ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed[name] {
		return // what follows from the first error is no news
	}
	r.failed[name] = true
	err = fmt.Errorf("%s: %w", name, err)
	dead := errors.Is(err, errDead) || errors.Is(err, errAbsent)
	if (step == "open" || step == "start") && !dead {
		r.errs = append(r.errs, err)
	} else if r.Lost != nil {
		r.Lost(err)
	}
}
