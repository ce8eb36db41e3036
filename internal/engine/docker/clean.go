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

// beginTimeout is how long a run may take from one thing that it makes to the
// next, and from the last one to its removal, with no running container.
const beginTimeout = 15 * time.Second

// clean cleans what has the label, NAME or NAME=value.
func clean(ctx context.Context, cli *client.Client, out io.Writer, label string, timeout time.Duration) error {
	for first := true; ; first = false {
		runs, err := findRuns(ctx, cli, label)
		if err != nil {
			return err
		}
		info, err := cli.Info(ctx, client.InfoOptions{})
		if err != nil {
			return fmt.Errorf("ask the engine for its time, by which things have an age: %s", oneLine(err))
		}
		now, err := time.Parse(time.RFC3339Nano, info.Info.SystemTime)
		if err != nil {
			return err
		}
		var errs []error
		again := false
		for _, id := range slices.Sorted(maps.Keys(runs)) {
			said := ""
			switch f := runs[id]; {
			case f.running:
				said = "is alive: it is left alone"
			case now.Sub(f.newest) <= timeout:
				said, again = "is beginning or ending, or was killed just then: waiting to see", true
			default:
				removed, err := removeRun(ctx, cli, id)
				for _, thing := range removed {
					fmt.Fprintf(out, "removed %s\n", thing)
				}
				errs = append(errs, err)
			}
			if first && said != "" {
				fmt.Fprintf(out, "run %s %s\n", id, said)
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
	containers, networks []string
	running              bool      // one of the containers
	newest               time.Time // when the last of all was made
}

// findRuns finds all that has the label, by the run's id, as far as the engine
// says it.
func findRuns(ctx context.Context, cli *client.Client, label string) (map[string]*found, error) {
	filters := make(client.Filters).Add("label", label)
	networks, networkErr := cli.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	containers, containerErr := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	runs := make(map[string]*found)
	of := func(labels map[string]string, made time.Time) *found {
		f := runs[labels[labelRun]]
		if f == nil {
			f = &found{newest: made}
			runs[labels[labelRun]] = f
		}
		if made.After(f.newest) {
			f.newest = made
		}
		return f
	}
	for _, n := range networks.Items {
		f := of(n.Labels, n.Created)
		f.networks = append(f.networks, n.Name)
	}
	for _, c := range containers.Items {
		f := of(c.Labels, time.Unix(c.Created, 0))
		f.containers = append(f.containers, strings.TrimPrefix(append(c.Names, c.ID)[0], "/"))
		switch c.State {
		case container.StateCreated, container.StateExited, container.StateDead, container.StateRemoving:
		default:
			f.running = true
		}
	}
	if err := errors.Join(networkErr, containerErr); err != nil {
		return runs, fmt.Errorf("look for what runs left: %s", oneLine(err))
	}
	return runs, nil
}

// removeRun removes all that a run has made, containers first, and returns what
// that was. It goes on at errors, and when ctx is over.
func removeRun(ctx context.Context, cli *client.Client, id string) (removed []string, err error) {
	ctx, cancel := uncut(ctx)
	defer cancel()
	runs, err := findRuns(ctx, cli, labelRun+"="+id)
	f := runs[id]
	if f == nil {
		return nil, err
	}
	removed, containerErr := removeAll("container", f.containers, func(name string) error {
		_, err := cli.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return err
	})
	more, networkErr := removeAll("network", f.networks, func(name string) error {
		_, err := cli.NetworkRemove(ctx, name, client.NetworkRemoveOptions{})
		return err
	})
	return append(removed, more...), errors.Join(err, containerErr, networkErr)
}

// The engine may be slower than its answers, and call something in use that was
// removed: a removal is tried again for a while.
const (
	retryTimeout  = 3 * time.Second
	retryInterval = 50 * time.Millisecond
)

// removeAll removes things of one kind and returns which were there.
func removeAll(kind string, names []string, remove func(name string) error) (removed []string, err error) {
	var mu sync.Mutex
	var errs []error
	_ = each(context.Background(), names, func(_ context.Context, name string) error {
		deadline := time.Now().Add(retryTimeout)
		err := remove(name)
		for err != nil && !cerrdefs.IsNotFound(err) && time.Now().Before(deadline) {
			time.Sleep(retryInterval)
			err = remove(name)
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			removed = append(removed, kind+" "+name)
		case !cerrdefs.IsNotFound(err):
			errs = append(errs, fmt.Errorf("remove %s %s: %s", kind, name, oneLine(err)))
		}
		return nil // the others go on; the errors are in errs
	})
	slices.Sort(removed)
	return removed, errors.Join(errs...)
}
