//go:build unix

package docker

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// has puts a container there.
func (f *fakeEngine) has(name string, labels map[string]string, state container.ContainerState, age time.Duration) {
	c := &fakeContainer{name: name, state: state, created: time.Now().Add(-age)}
	c.CreateRequest.Config = &container.Config{Labels: labels}
	f.containers[name] = c
}

// hasNetwork puts a network there.
func (f *fakeEngine) hasNetwork(name string, labels map[string]string, age time.Duration) {
	f.networks[name] = network.Summary{Network: network.Network{Name: name, Labels: labels, Created: time.Now().Add(-age)}}
}

func TestCleanRemovesDeadRunsAndNothingElse(t *testing.T) {
	f := newFake(t, oldest)
	f.has("others", map[string]string{"org.fourtuple": "image"}, container.StateExited, time.Hour)
	f.has("nobodys", map[string]string{labelKind: kindLab}, container.StateExited, time.Hour)
	f.hasNetwork("bridge", nil, time.Hour)

	f.has("living.conductor", partLabels("living", conductorPart), container.StateRunning, time.Hour)
	f.has("living-host", partLabels("living", "host"), container.StateExited, time.Hour)
	f.hasNetwork("living-home", labels("living"), time.Hour)

	f.has("dead.conductor", partLabels("dead", conductorPart), container.StateExited, time.Second)
	f.has("dead-host", partLabels("dead", "host"), container.StateRunning, time.Second)
	f.hasNetwork("dead-home", labels("dead"), time.Second)

	f.has("stillborn.conductor", partLabels("stillborn", conductorPart), container.StateCreated, 40*time.Second)
	f.hasNetwork("headless-home", labels("headless"), 40*time.Second)

	var out lines
	require.NoError(t, Clean(within(t), &out))
	assert.Equal(t, []string{"living-host", "living.conductor", "nobodys", "others", "bridge", "living-home"}, f.remaining())
	assert.Equal(t, `left run living alone: it is alive
removed container dead-host
removed container dead.conductor
removed container stillborn.conductor
removed network dead-home
removed network headless-home
`, sorted(out.String()))
}

func TestCleanWaitsForARunThatMayBeBeginning(t *testing.T) {
	f := newFake(t, oldest)
	f.has("new.conductor", partLabels("new", conductorPart), container.StateCreated, 0)
	looks := 0
	var out lines
	c := cleaning{cli: f.client(t), out: &out, told: make(map[string]life)}
	for again := true; again; looks++ {
		var err error
		again, err = c.round(within(t))
		require.NoError(t, err)
		if looks == 2 {
			f.containers["new.conductor"].state = container.StateRunning
		}
	}
	assert.Equal(t, 4, looks)
	assert.Equal(t, []string{"new.conductor"}, f.remaining())
	assert.Equal(t, "run new has just begun, or was killed just then: waiting to see\nleft run new alone: it is alive\n", out.String())
}

func (f *fakeEngine) client(t *testing.T) *client.Client {
	t.Helper()
	cli, err := dial(within(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = cli.Close() })
	return cli
}

func TestCleanEndsWhileItWaits(t *testing.T) {
	f := newFake(t, oldest)
	f.has("new.conductor", partLabels("new", conductorPart), container.StateCreated, 0)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	err := Clean(ctx, writer(func() { cancel() }))
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []string{"new.conductor"}, f.remaining())
}

// A writer is called whenever something is written to it.
type writer func()

func (w writer) Write(p []byte) (int, error) {
	w()
	return len(p), nil
}

func TestCleanWithoutAnEngine(t *testing.T) {
	t.Setenv(client.EnvOverrideHost, "unix://"+filepath.Join(t.TempDir(), "docker.sock"))
	var out lines
	require.NoError(t, Clean(within(t), &out))
	assert.Contains(t, out.String(), "nothing to clean there")
}

// sorted are the lines in order: the engine lists in none.
func sorted(text string) string {
	all := strings.SplitAfter(text, "\n")
	slices.Sort(all)
	return strings.Join(all, "")
}
