package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/moby/moby/client"
)

// lookAgain is how often Clean looks whether a run has begun.
const lookAgain = time.Second

// Clean removes the containers and networks of runs that are not alive any
// more, and nothing else; it says what it removed. Where it cannot tell yet
// whether a run is alive it waits until it can. That no engine answers is no
// error: then there is nothing to clean.
func Clean(ctx context.Context, out io.Writer) error {
	cli, err := dial(ctx)
	if unreachable := (*Unreachable)(nil); errors.As(err, &unreachable) && !unreachable.Denied {
		fmt.Fprintf(out, "no Docker engine answers at %s: nothing to clean there\n", unreachable.Endpoint)
		return nil
	}
	if err != nil {
		return err
	}
	c := cleaning{cli: cli, out: out, told: make(map[string]life)}
	return errors.Join(c.clean(ctx), cli.Close())
}

// A cleaning is what Clean has said about each run so far.
type cleaning struct {
	cli  *client.Client
	out  io.Writer
	told map[string]life
}

func (c *cleaning) clean(ctx context.Context) error {
	for {
		again, err := c.round(ctx)
		if err != nil || !again {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookAgain):
		}
	}
}

// round looks at all runs once; again says that one could not be judged yet.
func (c *cleaning) round(ctx context.Context) (again bool, err error) {
	runs, now, err := findRuns(ctx, c.cli)
	if err != nil {
		return false, fmt.Errorf("look for what runs left: %w", err)
	}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(runs)) {
		switch runs[id].life(now) {
		case alive:
			c.tell(id, alive, "left run %s alone: it is alive\n")
		case beginning:
			again = true
			c.tell(id, beginning, "run %s has just begun, or was killed just then: waiting to see\n")
		case dead:
			removed, err := runs[id].remains(c.cli).remove(ctx, nil)
			for _, thing := range removed {
				fmt.Fprintf(c.out, "removed %s\n", thing)
			}
			errs = append(errs, err)
		}
	}
	return again, errors.Join(errs...)
}

// tell says once what it sees.
func (c *cleaning) tell(id string, l life, format string) {
	if said, ok := c.told[id]; !ok || said != l {
		fmt.Fprintf(c.out, format, id)
	}
	c.told[id] = l
}
