package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

const (
	// removeWithin bounds the removal of everything.
	removeWithin = 60 * time.Second
	// insist is how long a removal is tried again: the engine may be slower
	// than its answers and call something in use that was removed.
	insist     = 3 * time.Second
	retryEvery = 50 * time.Millisecond
)

// Remains are what a run has made, or may have made: a thing is noted before
// the engine is asked for it.
type remains struct {
	cli        *client.Client
	mu         sync.Mutex
	containers []string
	networks   []string
}

func (r *remains) container(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.containers = append(r.containers, name)
}

func (r *remains) network(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.networks = append(r.networks, name)
}

// count is how many things there are.
func (r *remains) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.containers) + len(r.networks)
}

// remove removes everything, containers first, and returns what it removed. It
// goes on at errors, and when ctx is over. What is not there is no error. One,
// if set, is called after each.
func (r *remains) remove(ctx context.Context, one func()) (removed []string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	containers, err := removeAll(ctx, "container", r.containers, one, func(name string) error {
		_, err := r.cli.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return err
	})
	networks, networksErr := removeAll(ctx, "network", r.networks, one, func(name string) error {
		_, err := r.cli.NetworkRemove(ctx, name, client.NetworkRemoveOptions{})
		return err
	})
	return append(containers, networks...), errors.Join(err, networksErr)
}

func removeAll(ctx context.Context, kind string, names []string, one func(), remove func(name string) error) (removed []string, err error) {
	errs := make([]error, len(names))
	there := make([]bool, len(names))
	var wait sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for i, name := range names {
		wait.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			there[i], errs[i] = removeOne(ctx, func() error { return remove(name) })
			if one != nil {
				one()
			}
		})
	}
	wait.Wait()
	for i, name := range names {
		switch {
		case errs[i] != nil:
			errs[i] = fmt.Errorf("remove %s %s: %w", kind, name, errs[i])
		case there[i]:
			removed = append(removed, kind+" "+name)
		}
	}
	return removed, errors.Join(errs...)
}

// removeOne removes one thing; there says that it was there.
func removeOne(ctx context.Context, remove func() error) (there bool, err error) {
	deadline := time.Now().Add(insist)
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
		case <-time.After(retryEvery):
		}
	}
}
