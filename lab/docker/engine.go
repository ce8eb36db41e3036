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

	"github.com/fourtuple/fourtuple/lab/conduct"
	"github.com/fourtuple/fourtuple/lab/evidence"
	"github.com/fourtuple/fourtuple/lab/topology"
)

// An Engine runs labs as containers.
type Engine struct {
	// Log gets what went wrong at hosts without keeping the lab from running,
	// a line each; nil for nobody.
	Log io.Writer
}

// Run makes the lab real, conducts it, leaves its evidence in the folder, and
// removes all else that it made. It makes the folder if there is none in the
// one above. When ctx ends, the run ends with what was seen until then.
//
// An error means that the lab could not be run, or that something could not be
// removed.
func (e Engine) Run(ctx context.Context, lab *topology.Lab, folder string, o conduct.Options) (err error) {
	if folder, err = filepath.Abs(folder); err != nil {
		return err
	}
	cli, err := dialLocal(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cli.Close()) }()
	if err := checkImages(ctx, cli, lab); err != nil {
		return err
	}
	removeFolder, err := makeFolder(folder)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeFolder())
		}
	}()
	r := &run{
		cli: cli, lab: lab, folder: folder, id: newID(), log: e.Log, options: o,
		remains: remains{cli: cli},
	}
	defer func() {
		r.progress("remove")
		_, removeErr := r.remains.remove(ctx)
		err = errors.Join(err, removeErr)
	}()
	return r.run(ctx)
}

// A run is one execution of a lab.
type run struct {
	cli     *client.Client
	lab     *topology.Lab
	folder  string // absolute
	id      string
	log     io.Writer
	options conduct.Options
	remains remains
}

func (r *run) progress(step string) {
	if r.options.Progress != nil {
		r.options.Progress(step)
	}
}

func (r *run) run(ctx context.Context) (err error) {
	r.progress("make")
	c, err := r.make(ctx)
	if c != nil {
		defer c.close()
	}
	if err != nil {
		return unfinished(ctx, err)
	}
	if err := writeLab(c.stream.Conn, r.lab.Source); err != nil {
		return fmt.Errorf("give the conductor the lab: %w", err)
	}
	if err := r.startHosts(ctx); err != nil {
		return unfinished(ctx, err)
	}
	watch := r.watchHosts(ctx, c.letGo)
	err = c.finish(ctx, r.options.Hold)
	watch.end()
	if err != nil {
		return err
	}
	return r.arrived()
}

// make makes the conductor, which runs already, and all subnets and hosts,
// which do not yet. The conductor is nil if it never ran.
func (r *run) make(ctx context.Context) (c *conductor, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		c, err = r.startConductor(ctx)
		return err
	})
	group.Go(func() error {
		if err := r.makeSubnets(ctx); err != nil {
			return err
		}
		return r.makeHosts(ctx)
	})
	return c, group.Wait()
}

// unfinished is the error of a lab that was not made whole before ctx ended.
func unfinished(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the lab's time ran out while its containers were made: give it a longer limit under x-lab: %w", err)
	case ctx.Err() != nil:
		return fmt.Errorf("ended while the lab's containers were made: %w", err)
	default:
		return err
	}
}

// arrived checks that what the containers wrote is here: an address on this
// machine may be a tunnel to an engine elsewhere.
func (r *run) arrived() error {
	_, err := os.Stat(filepath.Join(r.folder, evidence.LabFile))
	if err != nil {
		return fmt.Errorf("the evidence is not in %s but in a folder of that name elsewhere: use a Docker engine that mounts this machine's folders: %w", r.folder, err)
	}
	return nil
}

func (r *run) logf(format string, args ...any) {
	if r.log != nil {
		fmt.Fprintf(r.log, format+"\n", args...)
	}
}
