package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/lab/conduct"
)

// endingWithin bounds how long a conductor may take to end after it was let go:
// the last looks before and after a hold.
const endingWithin = 2 * conduct.Closing

// A conductor is this process's end of the conductor's container.
type conductor struct {
	run    *run
	name   string
	stream client.HijackedResponse
	held   chan struct{} // closed when the lab is held
	gone   chan struct{} // closed when nobody leads the conductor any more
	done   chan struct{} // closed when it has said all
	hold   func()        // closes held
	letGo  func()        // closes gone
	errs   bytes.Buffer  // what it said on its standard error; read when done
}

// startConductor starts the conductor, which then waits for its lab.
func (r *run) startConductor(ctx context.Context) (*conductor, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestWithin)
	defer cancel()
	made := r.conductorContainer(r.options.Hold != nil)
	r.remains.container(made.Name)
	if _, err := r.cli.ContainerCreate(ctx, made); err != nil {
		return nil, fmt.Errorf("make the conductor: %w", err)
	}
	attached, err := r.cli.ContainerAttach(ctx, made.Name, client.ContainerAttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, fmt.Errorf("attach to the conductor: %w", err)
	}
	c := &conductor{
		run: r, name: made.Name, stream: attached.HijackedResponse,
		held: make(chan struct{}), gone: make(chan struct{}), done: make(chan struct{}),
	}
	c.hold = sync.OnceFunc(func() { close(c.held) })
	c.letGo = sync.OnceFunc(func() {
		close(c.gone)
		_ = c.stream.CloseWrite() // if it is closed already, all the better
	})
	go c.listen()
	if _, err := r.cli.ContainerStart(ctx, made.Name, client.ContainerStartOptions{}); err != nil {
		c.close()
		return nil, fmt.Errorf("start the conductor: %w", err)
	}
	return c, nil
}

// listen hears the conductor to its end.
func (c *conductor) listen() {
	defer close(c.done)
	reader, writer := io.Pipe()
	var steps sync.WaitGroup
	steps.Go(func() { c.follow(reader) })
	_, err := stdcopy.StdCopy(writer, &c.errs, c.stream.Reader)
	_ = writer.CloseWithError(err) // always nil
	steps.Wait()
}

// close ends the conversation, and the conductor with it.
func (c *conductor) close() {
	c.letGo()
	c.stream.Close()
	<-c.done
}

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
			c.letGo()
		case <-gone:
			gone = nil
			late = time.After(endingWithin)
		case <-late:
			return fmt.Errorf("the conductor did not end within %v", endingWithin)
		case <-c.done:
			return c.outcome(ctx)
		}
	}
}

// outcome is what the conductor's exit status means. What it says of hosts
// goes to the log.
func (c *conductor) outcome(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestWithin)
	defer cancel()
	status, err := c.run.exitStatus(ctx, c.name)
	if err != nil {
		return fmt.Errorf("the conductor was lost: %w", err)
	}
	said := strings.TrimSpace(c.errs.String())
	if status != 0 {
		if said == "" {
			said = "it said nothing"
		}
		return fmt.Errorf("the conductor ended with status %d: %s", status, strings.TrimPrefix(said, "lab: "))
	}
	if said != "" {
		c.run.logf("%s", said)
	}
	return nil
}

// exitStatus waits for a container's end.
func (r *run) exitStatus(ctx context.Context, name string) (int64, error) {
	wait := r.cli.ContainerWait(ctx, name, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case answer := <-wait.Result:
		if answer.Error != nil {
			return 0, errors.New(answer.Error.Message)
		}
		return answer.StatusCode, nil
	case err := <-wait.Error:
		return 0, err
	}
}
