package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// Clean removes the containers and networks of runs that have no coordinator
// any more, and nothing else; it says what it removed. Where it cannot tell yet
// it waits until it can. That no engine answers is no error: then there is
// nothing to clean.
func Clean(ctx context.Context, out io.Writer) error {
	cli, err := dial(ctx)
	if errors.Is(err, ErrUnreachable) {
		fmt.Fprintln(out, "no Docker engine answers: nothing to clean there")
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(clean(ctx, cli, out, labelRun, beginTimeout), cli.Close())
}

// clean cleans what has the label, NAME or NAME=value.
func clean(ctx context.Context, cli *client.Client, out io.Writer, label string, timeout time.Duration) error {
	told := make(map[string]life) // what has been said
	for {
		runs, now, err := findRuns(ctx, cli, label)
		if err != nil {
			return err
		}
		var errs []error
		again := false
		for _, id := range slices.Sorted(maps.Keys(runs)) {
			l := runs[id].life(now, timeout)
			again = again || l == undecided
			if l != dead && told[id] != l {
				told[id] = l
				fmt.Fprintf(out, "run %s %s\n", id, l)
			}
			if l == dead {
				removed, err := removeRun(ctx, cli, id)
				for _, thing := range removed {
					fmt.Fprintf(out, "removed %s\n", thing)
				}
				errs = append(errs, err)
			}
		}
		if err := errors.Join(errs...); err != nil || !again {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
}

// A found is what there is of one run.
type found struct {
	running bool      // one of its containers
	newest  time.Time // when the last of it was made
}

// findRuns finds all that has the label, by the run's id, and the engine's time,
// which is the clock that ages are read by.
func findRuns(ctx context.Context, cli *client.Client, label string) (map[string]found, time.Time, error) {
	info, infoErr := cli.Info(ctx, client.InfoOptions{})
	now, timeErr := time.Parse(time.RFC3339Nano, info.Info.SystemTime)
	filters := make(client.Filters).Add("label", label)
	networks, networkErr := cli.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	containers, containerErr := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	for _, err := range []error{infoErr, timeErr, networkErr, containerErr} {
		if err != nil {
			return nil, now, fmt.Errorf("look for what runs left: %s", oneLine(err))
		}
	}
	runs := make(map[string]found)
	add := func(id string, made time.Time, running bool) {
		f := runs[id]
		f.running = f.running || running
		if made.After(f.newest) {
			f.newest = made
		}
		runs[id] = f
	}
	for _, n := range networks.Items {
		add(n.Labels[labelRun], n.Created, false)
	}
	for _, c := range containers.Items {
		ended := slices.Contains([]container.ContainerState{container.StateCreated, container.StateExited, container.StateDead, container.StateRemoving}, c.State)
		add(c.Labels[labelRun], time.Unix(c.Created, 0), !ended)
	}
	return runs, now, nil
}

// A life is whether a run has a coordinator.
type life string

const (
	alive     life = "is alive: it is left alone"
	undecided life = "is beginning or ending, or was killed just then: waiting to see"
	dead      life = "is dead"
)

// beginTimeout is how long a run may take from one thing that it makes to the
// next, and from the last one to its removal.
const beginTimeout = 15 * time.Second

func (f found) life(now time.Time, timeout time.Duration) life {
	switch {
	case f.running:
		return alive
	case now.Sub(f.newest) > timeout:
		return dead
	default:
		return undecided
	}
}

// removeRun removes all that a run has made, containers first, and returns what
// that was. It goes on at errors, and when ctx is over.
func removeRun(ctx context.Context, cli *client.Client, id string) (removed []string, err error) {
	ctx, cancel := uncut(ctx)
	defer cancel()
	filters := make(client.Filters).Add("label", labelRun+"="+id)
	containers, containerErr := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	var names []string
	for _, c := range containers.Items {
		names = append(names, strings.TrimPrefix(slices.Concat(c.Names, []string{c.ID})[0], "/"))
	}
	removed, removeErr := removeAll(ctx, "container", names, func(name string) error {
		_, err := cli.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return err
	})
	networks, networkErr := cli.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	names = nil
	for _, n := range networks.Items {
		names = append(names, n.Name)
	}
	more, moreErr := removeAll(ctx, "network", names, func(name string) error {
		_, err := cli.NetworkRemove(ctx, name, client.NetworkRemoveOptions{})
		return err
	})
	return append(removed, more...), errors.Join(containerErr, removeErr, networkErr, moreErr)
}

// removeAll removes things of one kind and returns which.
func removeAll(ctx context.Context, kind string, names []string, remove func(name string) error) (removed []string, err error) {
	var (
		mu    sync.Mutex
		errs  []error
		group errgroup.Group
	)
	group.SetLimit(atOnce)
	for _, name := range names {
		group.Go(func() error {
			there, err := removeOne(ctx, func() error { return remove(name) })
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("remove %s %s: %s", kind, name, oneLine(err)))
			case there:
				removed = append(removed, kind+" "+name)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	slices.Sort(removed)
	return removed, errors.Join(errs...)
}

// The engine may be slower than its answers, and call something in use that was
// removed: a removal is tried again for a while.
const (
	retryTimeout  = 3 * time.Second
	retryInterval = 50 * time.Millisecond
)

// removeOne removes one thing; there says that it was there.
func removeOne(ctx context.Context, remove func() error) (there bool, err error) {
	deadline := time.Now().Add(retryTimeout)
	for {
		err := remove()
		switch {
		case err == nil:
			return true, nil
		case cerrdefs.IsNotFound(err):
			return false, nil
		case time.Now().After(deadline):
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, err
		case <-time.After(retryInterval):
		}
	}
}
