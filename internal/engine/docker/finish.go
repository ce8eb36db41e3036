package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/internal/run"
)

// endingWithin bounds how long a conductor may take to end after it was let go:
// the last looks before and after a hold.
const endingWithin = 2 * run.Closing

// finish waits for the conductor's end. It holds the lab when the conductor
// says so, and lets the conductor go when the hold is over or ctx is.
func (c *conductor) finish(ctx context.Context, hold func(context.Context)) error {
	holding, release := context.WithCancel(context.WithoutCancel(ctx))
	defer release()
	held, over, gone := c.held, ctx.Done(), c.gone
	var late <-chan time.Time
	for {
		select {
		case <-held:
			held, over = nil, nil // the one who holds it decides now
			go func() {
				hold(holding)
				c.letGo()
			}()
		case <-over:
			over = nil
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				c.run.logf("the lab's limit, %v, has passed", c.run.lab.Limit)
			}
			c.letGo()
		case <-gone:
			gone = nil
			late = time.After(endingWithin)
		case <-late:
			return fmt.Errorf("the conductor did not end within %v", endingWithin)
		case <-c.done:
			return c.outcome()
		}
	}
}

// outcome is what the conductor's exit status means.
func (c *conductor) outcome() error {
	late := time.AfterFunc(requestWithin, c.forget)
	defer late.Stop()
	ended := <-c.exit
	said := strings.TrimPrefix(strings.TrimSpace(c.errs.String()), "lab: ")
	said = strings.ReplaceAll(said, runFolder, c.run.folder)
	switch {
	case ended.err != nil:
		return fmt.Errorf("the conductor was lost: %w", ended.err)
	case ended.status == 0:
		return nil
	case said != "":
		return errors.New(said)
	default:
		return fmt.Errorf("the conductor ended with status %d and said nothing", ended.status)
	}
}

// An exit is how a container ended: its exit status, or why that is not known.
type exit struct {
	status int64
	err    error
}

// awaitExit waits for the conductor's end, from its start on: a container that
// has ended may be removed by Clean at any time.
func (c *conductor) awaitExit(ctx context.Context) { c.exit <- c.run.exited(ctx, c.name) }

// exited waits for a container's end.
func (r *labRun) exited(ctx context.Context, name string) exit {
	wait := r.cli.ContainerWait(ctx, name, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case answer := <-wait.Result:
		if answer.Error != nil {
			return exit{err: errors.New(answer.Error.Message)}
		}
		return exit{status: answer.StatusCode}
	case err := <-wait.Error:
		return exit{err: err}
	}
}
