//go:build integration

package fourtuple_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const projectLabel = "com.docker.compose.project" // on all that Compose makes

// TestCompose runs the first lab by each Compose command of this machine: the
// docker command's plugin, and the old program by itself.
func TestCompose(t *testing.T) {
	installed := false
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(command[0], append(command[1:], "version")...).Run() != nil {
			continue
		}
		installed = true
		t.Run(strings.Join(command, " "), func(t *testing.T) {
			c := newClone(t, command)
			t.Run("holds", c.testHolds)
			t.Run("is refuted", c.testRefuted)
			t.Run("ends without its judge", c.testJudgeDies)
		})
	}
	if !installed {
		missing(t, "neither docker compose nor docker-compose is installed")
	}
}

func (c *clone) testHolds(t *testing.T) {
	out := c.up(t, 0)
	assert.Contains(t, out, "as expected: 5 claims")
	c.assertThreeSourcesOnePort(t)
	c.assertOwner(t)
	for service, made := range c.services(t) {
		assert.False(t, made.State.Running, "%s still runs", service)
		assert.Zero(t, made.State.ExitCode, "the exit status of %s", service)
		assertConfined(t, service, made)
	}
	c.down(t)
}

// The control: a router that masquerades. The server sees one source address,
// the router's, and the status is the judge's. The run is kept where an older
// one lies that root owns.
func (c *clone) testRefuted(t *testing.T) {
	if os.Geteuid() == 0 {
		require.NoError(t, filepath.WalkDir(c.folder, func(name string, _ os.DirEntry, _ error) error {
			return os.Lchown(name, 0, 0)
		}))
	}
	c.edit(t, "\n  router:\n", "\n  router:\n    x-lab: {masquerade: [home]}\n")
	out := c.up(t, 1)
	assert.Contains(t, out, "not as expected: 1 of 5 claims")
	assert.Equal(t, "not as expected", c.verdict(t).Outcome)
	accepted := c.held(t, "server.sockets.jsonl")
	require.Len(t, accepted, 3)
	for _, a := range accepted {
		assert.Equal(t, address(c.prefix, 0, 254), a.From.Addr(), "the source that the server sees")
	}
	require.NoError(t, threeSourcesOnePort(c.prefix, c.opened(t, "client1", "client2", "client3")))
	c.assertOwner(t)
	c.down(t)
}

// A judge that is killed while it waits for a host: those that had come end, and
// so does one that comes later.
func (c *clone) testJudgeDies(t *testing.T) {
	c.compose(t, 0, "up", "-d", "server", "router", "client1")
	judging := c.services(t)[judge]
	require.True(t, judging.State.Running, "the judge waits")
	_, err := c.cli.ContainerKill(within(t, time.Minute), judging.ID, client.ContainerKillOptions{Signal: "KILL"})
	require.NoError(t, err)
	killed := time.Now()
	c.compose(t, 0, "up", "-d", "--no-deps", "client2")
	for service, made := range c.services(t) {
		assert.NotZero(t, ended(t, c.cli, made.ID), "the exit status of %s", service)
	}
	assert.Less(t, time.Since(killed), 15*time.Second, "how long the project outlives its judge")
}

// assertConfined asserts what a container may do and where it is, as its engine
// tells it: no client on the server's subnet, the judge on none.
func assertConfined(t *testing.T, service string, made container.InspectResponse) {
	t.Helper()
	networks, capabilities, mounts := []string{"home"}, hostCapabilities, []string{"/control"}
	switch service {
	case judge:
		networks, capabilities, mounts = []string{"none"}, judgeCapabilities, []string{"/control", "/lab.yml", "/runs"}
	case "router":
		networks = subnets
	case "client1", "client2", "client3":
		networks = []string{subnets[service[len(service)-1]-'0']}
	}
	var on, at []string
	for name := range made.NetworkSettings.Networks {
		on = append(on, name[strings.LastIndex(name, "_")+1:])
	}
	for _, m := range made.Mounts {
		at = append(at, m.Destination)
	}
	assert.ElementsMatch(t, networks, on, "where %s is", service)
	assert.ElementsMatch(t, mounts, at, "what %s mounts", service)
	h := made.HostConfig
	added := strings.ReplaceAll(strings.Join(h.CapAdd, " "), "CAP_", "") // Compose files leave it out
	assert.Equal(t, []string{"ALL"}, h.CapDrop, "what %s drops", service)
	assert.ElementsMatch(t, capabilities, strings.Fields(added), "what is added to %s", service)
	assert.Equal(t, []string{"no-new-privileges"}, h.SecurityOpt, service)
	assert.True(t, h.ReadonlyRootfs, "the root of %s can be written", service)
	assert.False(t, h.Privileged || h.PidMode.IsHost() || h.IpcMode.IsHost() || h.UTSMode.IsHost() || h.NetworkMode.IsHost(),
		"%s is privileged or shares a namespace", service)
	assert.Empty(t, h.PortBindings, "%s publishes ports", service)
}

// A clone is a folder like the sources', in which Compose runs the first lab.
type clone struct {
	run
	cli       *client.Client
	id        string // the project's name
	dir, file string
	command   []string
	build     bool
}

// newClone makes a folder with the Compose file, which builds from the sources.
// Its runs belong to another user where this one may give them away.
func newClone(t *testing.T, command []string) *clone {
	t.Helper()
	cli, err := engine()
	require.NoError(t, err)
	dir := t.ArtifactDir()
	c := &clone{cli: cli, id: newID(), dir: dir, file: filepath.Join(dir, "docker-compose.yml"), command: command, build: canBuild(t, cli)}
	data, err := os.ReadFile("docker-compose.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.file, data, 0o644))
	sources, err := os.Getwd()
	require.NoError(t, err)
	t.Logf("the Dockerfiles can be built: %v", c.build)
	c.edit(t, "context: .,", fmt.Sprintf("context: %q, labels: {%s: %q},", sources, labLabel, c.id))
	runs := filepath.Join(c.dir, "runs")
	require.NoError(t, os.MkdirAll(runs, 0o755))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(runs, 12345, 12345))
	}
	c.run = run{filepath.Join(runs, "compose"), freePrefix(t, cli)}
	if !c.build {
		t.Cleanup(func() { c.down(t) })
		return c
	}
	// What others run is not to change meanwhile.
	c.edit(t, "image: fourtuple/", "image: fourtuple-test/")
	t.Cleanup(func() {
		c.down(t, "--rmi", "all")
		built := make(client.Filters).Add("dangling", "true").Add("label", labLabel+"="+c.id)
		_, err := c.cli.ImagePrune(context.Background(), client.ImagePruneOptions{Filters: built})
		assert.NoError(t, err, "remove images that lost their names to others")
	})
	return c
}

// edit replaces a text in the Compose file.
func (c *clone) edit(t *testing.T, before, after string) {
	t.Helper()
	data, err := os.ReadFile(c.file)
	require.NoError(t, err)
	require.Contains(t, string(data), before)
	require.NoError(t, os.WriteFile(c.file, bytes.ReplaceAll(data, []byte(before), []byte(after)), 0o644))
}

// canBuild tells whether the image that the Dockerfiles build from is there or
// can be pulled. Where not, the images are those of `lab images`.
func canBuild(t *testing.T, cli *client.Client) bool {
	const base = "golang:1.26"
	_, err := cli.ImageInspect(within(t, time.Minute), base)
	return err == nil || exec.Command("docker", "pull", "-q", base).Run() == nil
}

// up runs the lab to its end.
func (c *clone) up(t *testing.T, status int) string {
	t.Helper()
	args := []string{"up"}
	if c.build {
		args = append(args, "--build")
	}
	return c.compose(t, status, append(args, "--exit-code-from", judge)...)
}

// down removes everything.
func (c *clone) down(t *testing.T, more ...string) {
	t.Helper()
	c.compose(t, 0, append([]string{"down", "-v"}, more...)...)
	assert.Empty(t, left(t, c.cli, projectLabel+"="+c.id), "left behind")
}

// compose runs a Compose command that must end by itself, and with that status.
// An interrupt at a terminal reaches it, too.
func (c *clone) compose(t *testing.T, status int, args ...string) string {
	t.Helper()
	command := exec.Command(c.command[0], slices.Concat(c.command[1:], []string{"-p", c.id}, args)...)
	command.Dir = c.dir
	command.Env = append(os.Environ(), "LAB_PREFIX="+c.prefix)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	begin := time.Now()
	if err := command.Run(); command.ProcessState == nil {
		require.NoError(t, err)
	}
	require.Equal(t, status, command.ProcessState.ExitCode(), "the exit status of %s, which printed:\n%s", strings.Join(command.Args, " "), &out)
	t.Logf("%s: %v", strings.Join(command.Args, " "), time.Since(begin).Round(100*time.Millisecond))
	return out.String()
}

// services are the project's containers by service.
func (c *clone) services(t *testing.T) map[string]container.InspectResponse {
	t.Helper()
	ctx := within(t, time.Minute)
	containers, err := c.cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", projectLabel+"="+c.id)})
	require.NoError(t, err)
	all := make(map[string]container.InspectResponse)
	for _, listed := range containers.Items {
		inspected, err := c.cli.ContainerInspect(ctx, listed.ID, client.ContainerInspectOptions{})
		require.NoError(t, err)
		all[listed.Labels["com.docker.compose.service"]] = inspected.Container
	}
	return all
}

// assertOwner asserts that the run belongs to the owner of the clone's runs,
// whoever ran it.
func (c *clone) assertOwner(t *testing.T) {
	t.Helper()
	want := owner(t, filepath.Dir(c.folder))
	require.NoError(t, filepath.WalkDir(c.folder, func(name string, _ os.DirEntry, err error) error {
		if err == nil {
			assert.Equal(t, want, owner(t, name), "the owner of %s", name)
		}
		return err
	}))
}

// owner is the user whose file it is; 0 where files have no user ids.
func owner(t *testing.T, name string) int {
	t.Helper()
	info, err := os.Lstat(name)
	require.NoError(t, err)
	header, err := tar.FileInfoHeader(info, "")
	require.NoError(t, err)
	return header.Uid
}
