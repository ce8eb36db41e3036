package docker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// makingWithin is how long a run may take to start its conductor. Until then
// it cannot be told from one that was killed at that point.
const makingWithin = time.Minute

// A found is what there is of one run.
type found struct {
	containers, networks []string // names
	conductor            container.ContainerState
	newest               time.Time // when the newest of it was made
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
	if when.After(f.newest) {
		f.newest = when
	}
}

// alive says why the run may be alive; it is empty for one that is not.
func (f *found) alive(now time.Time) string {
	switch f.conductor {
	case container.StateExited, container.StateDead, container.StateRemoving:
		return ""
	case "", container.StateCreated:
		if age := now.Sub(f.newest); age < makingWithin {
			return fmt.Sprintf("it was begun %v ago and may still be making its containers; if it was killed, clean again in a minute", age.Round(time.Second))
		}
		return ""
	default:
		return "it is alive"
	}
}
