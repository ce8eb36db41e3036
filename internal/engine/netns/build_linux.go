package netns

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// Options are what Build does not learn from the lab.
type Options struct {
	// Self is the program that `server` and `client` are run by, as `Self
	// server ...`; empty: this program.
	Self string
	// Progress, if not nil, is told how many of all tasks are done, one call
	// after another; it is called from other goroutines.
	Progress func(done, total int)
}

// Build makes the lab's hosts and subnets real. Everything it makes is undone
// by Close, also when Build fails half way. Its errors say what could not be
// done to which host; a lab that asks for what no host can have is one too.
func Build(ctx context.Context, l *topology.Lab, o Options) (*Network, error) {
	p, err := newPlan(l)
	if err != nil {
		return nil, err
	}
	own, err := newSelf(o.Self)
	if err != nil {
		return nil, err
	}
	n := newNetwork(l, own)
	if err := n.carryOut(ctx, p, o.Progress); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// carryOut does what the plan says until something fails.
func (n *Network) carryOut(ctx context.Context, p plan, progress func(done, total int)) error {
	done, total := 0, 0
	for _, s := range p {
		total += len(s.tasks)
	}
	var mu sync.Mutex
	count := func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		if progress != nil {
			progress(done, total)
		}
	}
	for _, s := range p {
		if err := n.carryOutStage(ctx, s, count); err != nil {
			return fmt.Errorf("wire %s: %w", s.name, err)
		}
	}
	return nil
}

// workers is how many threads share a stage's tasks. The kernel does most of
// this work under one lock, so that more are of no use.
const workers = 2

func (n *Network) carryOutStage(ctx context.Context, s stage, count func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(workers, len(s.tasks)) {
		all.Go(func() {
			if err := n.work(ctx, s.tasks, &next, count); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// work does tasks that no other worker has taken, on a thread of its own.
func (n *Network) work(ctx context.Context, tasks []task, next *atomic.Int64, count func()) error {
	w := &worker{ctx: ctx, network: n}
	return onThread(
		func() (err error) {
			w.origin, err = currentNamespace()
			return err
		},
		w.leave,
		func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(tasks) {
					return nil
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := w.run(tasks[i]); err != nil {
					return err
				}
				count()
			}
		})
}
