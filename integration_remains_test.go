//go:build integration

package fourtuple

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
)

// The labels of all that the tests make, with the session's and the lab's id.
// What Compose makes has the label of its project, which has a lab's id too.
const (
	sessionLabel = "org.fourtuple.test"
	labLabel     = "org.fourtuple.test.lab"
	projectLabel = "com.docker.compose.project"
)

func filter(label, value string) client.Filters {
	return make(client.Filters).Add("label", label+"="+value)
}

// sweep removes every container and network with the label, and goes on at
// errors.
func (e *engine) sweep(ctx context.Context, label, value string) error {
	containers, err := e.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter(label, value)})
	errs := []error{err}
	for _, c := range containers.Items {
		_, err := e.cli.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		errs = append(errs, unlessGone(err))
	}
	networks, err := e.cli.NetworkList(ctx, client.NetworkListOptions{Filters: filter(label, value)})
	errs = append(errs, err)
	for _, n := range networks.Items {
		_, err := e.cli.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		errs = append(errs, unlessGone(err))
	}
	return errors.Join(errs...)
}

// unlessGone drops the error of a removal that somebody else was faster with:
// the reaper, or Compose.
func unlessGone(err error) error {
	if cerrdefs.IsNotFound(err) || err != nil && strings.Contains(err.Error(), "already in progress") {
		return nil
	}
	return err
}

// left are the containers, networks and volumes with the label.
func (e *engine) left(ctx context.Context, label, value string) (left []string, err error) {
	containers, containerErr := e.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter(label, value)})
	for _, c := range containers.Items {
		left = append(left, "container "+strings.Join(c.Names, " "))
	}
	networks, networkErr := e.cli.NetworkList(ctx, client.NetworkListOptions{Filters: filter(label, value)})
	for _, n := range networks.Items {
		left = append(left, "network "+n.Name)
	}
	volumes, volumeErr := e.cli.VolumeList(ctx, client.VolumeListOptions{Filters: filter(label, value)})
	for _, v := range volumes.Items {
		left = append(left, "volume "+v.Name)
	}
	return left, errors.Join(containerErr, networkErr, volumeErr)
}

// containerIDs are the containers with the label, running or not.
func (e *engine) containerIDs(ctx context.Context, label, value string) (ids []string) {
	containers, err := e.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter(label, value)})
	if err != nil {
		return nil // what needs them says so
	}
	for _, c := range containers.Items {
		ids = append(ids, c.ID)
	}
	return ids
}

// processes are this machine's processes that are in one of the containers, by
// their control groups (cgroups(7)); none if the engine is elsewhere.
func processes(containers []string) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		for _, id := range containers {
			if strings.Contains(string(groups), id) {
				found = append(found, fmt.Sprintf("process %s of container %.12s", filepath.Base(filepath.Dir(file)), id))
			}
		}
	}
	return found
}

// leaveNothing registers the removal of all that will have the label, and the
// assertion that nothing of it is left.
func (e *engine) leaveNothing(t *testing.T, label, value string) {
	t.Helper()
	t.Cleanup(func() {
		// Not the test's context: that may be over, and this must be done.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		ids := e.containerIDs(ctx, label, value)
		assert.NoError(t, e.sweep(ctx, label, value), "remove what the test made")
		e.assertNothingLeft(t, label, value, ids)
	})
}

// assertNothingLeft asserts that nothing with the label is there, and no
// process of the containers that were.
func (e *engine) assertNothingLeft(t *testing.T, label, value string, containers []string) {
	t.Helper()
	assert.EventuallyWithT(t, func(t *assert.CollectT) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		left, err := e.left(ctx, label, value)
		assert.NoError(t, err)
		assert.Empty(t, append(left, processes(containers)...), "left behind")
	}, 30*time.Second, 200*time.Millisecond)
}
