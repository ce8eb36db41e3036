package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A run is one execution of a lab.
type labRun struct {
	cli     *client.Client
	lab     *topology.Lab
	folder  string // absolute
	id      string
	log     io.Writer
	options run.Options
	remains remains
}

func (r *labRun) run(ctx context.Context) (err error) {
	c, err := r.make(ctx, r.counted("make", len(r.lab.Subnets)+len(r.lab.Hosts)))
	if c != nil {
		defer c.close()
	}
	if err != nil {
		return unfinished(ctx, r.lab, err)
	}
	// Whether the conductor heard it, its end will tell.
	_ = writeLab(c.stream.Conn, r.lab.Source)
	if err := r.boot(ctx, c); err != nil {
		return unfinished(ctx, r.lab, err)
	}
	_, _ = io.WriteString(c.stream.Conn, allUp+"\n")
	watch := r.watchHosts(ctx, c)
	err = c.finish(ctx, r.options.Hold)
	absent := watch.end(err == nil)
	switch {
	case absent != nil:
		return absent
	case err != nil && ctx.Err() != nil:
		return unfinished(ctx, r.lab, context.Cause(ctx)) // whatever else the hosts say of it
	case err != nil:
		return err
	}
	return r.arrived()
}

// make makes the conductor, which runs already, and all subnets and hosts,
// which do not yet. The conductor is nil if it never ran.
func (r *labRun) make(ctx context.Context, one func()) (c *conductor, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		c, err = r.startConductor(ctx)
		return err
	})
	group.Go(func() error {
		if err := each(ctx, r.lab.Subnets, one, r.makeSubnet); err != nil {
			return err
		}
		return each(ctx, r.lab.Hosts, one, r.makeHost)
	})
	return c, group.Wait()
}

// boot starts all hosts. If the conductor ends meanwhile it starts no more, and
// that is no error here: the conductor's end will tell why.
func (r *labRun) boot(ctx context.Context, c *conductor) error {
	led, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.done:
			cancel()
		case <-led.Done():
		}
	}()
	err := each(led, r.lab.Hosts, r.counted("boot", len(r.lab.Hosts)), r.startHost)
	if led.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

// unfinished is the error of a lab that did not get as far as to be conducted.
func unfinished(ctx context.Context, lab *topology.Lab, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the lab's limit, %v, passed before the lab was up: set a longer limit under x-lab: %w", lab.Limit, err)
	case ctx.Err() != nil:
		return fmt.Errorf("ended before the lab was up: %w", context.Cause(ctx))
	default:
		return err
	}
}

// arrived checks that what the containers wrote is here: an address on this
// machine may be a tunnel to an engine elsewhere.
func (r *labRun) arrived() error {
	_, err := os.Stat(filepath.Join(r.folder, evidence.LabFile))
	if err != nil {
		return fmt.Errorf("the evidence is not in %s but in a folder of that name elsewhere: use a Docker engine that mounts this machine's folders: %w", r.folder, err)
	}
	return nil
}
