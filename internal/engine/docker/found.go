package docker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// A found is what there is of one run.
type found struct {
	containers, networks []string // names
	conductor            container.ContainerState
	oldest               time.Time // when the first of it was made
}

// findRuns finds all that has a run's labels, by the run's id, and the
// engine's time, which is the clock that ages are read by.
func findRuns(ctx context.Context, cli *client.Client) (map[string]*found, time.Time, error) {
	info, err := cli.Info(ctx, client.InfoOptions{})
	if err != nil {
		return nil, time.Time{}, err
	}
	now, err := time.Parse(time.RFC3339Nano, info.Info.SystemTime)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the engine's time: %w", err)
	}
	ours := make(client.Filters).Add("label", labelKind+"="+kindLab, labelRun)
	networks, err := cli.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
	if err != nil {
		return nil, now, err
	}
	containers, err := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return nil, now, err
	}
	runs := make(map[string]*found)
	for _, n := range networks.Items {
		f := runOf(runs, n.Labels)
		f.networks = append(f.networks, n.Name)
		f.made(n.Created)
	}
	for _, c := range containers.Items {
		f := runOf(runs, c.Labels)
		f.containers = append(f.containers, nameOf(c))
		f.made(time.Unix(c.Created, 0))
		if c.Labels[labelPart] == conductorPart {
			f.conductor = c.State
		}
	}
	return runs, now, nil
}

func nameOf(c container.Summary) string {
	if len(c.Names) == 0 {
		return c.ID
	}
	return strings.TrimPrefix(c.Names[0], "/")
}

// remains is all of it, to be removed.
func (f *found) remains(cli *client.Client) *remains {
	return &remains{cli: cli, containers: f.containers, networks: f.networks}
}

func runOf(runs map[string]*found, labels map[string]string) *found {
	id := labels[labelRun]
	if runs[id] == nil {
		runs[id] = &found{}
	}
	return runs[id]
}

func (f *found) made(when time.Time) {
	if f.oldest.IsZero() || when.Before(f.oldest) {
		f.oldest = when
	}
}

// A life is whether a run is alive.
type life int

const (
	dead life = iota
	alive
	beginning // or killed while it was
)

func (f *found) life(now time.Time) life {
	switch f.conductor {
	case container.StateExited, container.StateDead, container.StateRemoving:
		return dead
	case "", container.StateCreated:
		// The engine's times of containers are whole seconds.
		if now.Sub(f.oldest) > conductorWithin+time.Second {
			return dead
		}
		return beginning
	default:
		return alive
	}
}
