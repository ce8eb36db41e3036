//go:build integration

package fourtuple

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sources are what `docker compose up --build` needs of a clone.
var sources = []string{
	"docker-compose.yml", "Dockerfile.server", "Dockerfile.client", ".dockerignore",
	"go.mod", "go.sum", "echo", "lab", "server", "client",
}

// A clone is a copy of the sources, in which Compose runs the first lab.
type clone struct {
	*lab
	command []string
	folder  string
}

// composeCommands are the Compose commands of this machine: the docker
// command's plugin, and the old program by itself.
func composeCommands() (commands [][]string) {
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(command[0], append(command[1:], "version")...).Run() == nil {
			commands = append(commands, command)
		}
	}
	return commands
}

func TestCompose(t *testing.T) {
	commands := composeCommands()
	if len(commands) == 0 {
		missing(t, "neither docker compose nor docker-compose is installed")
	}
	for _, command := range commands {
		t.Run(strings.Join(command, " "), func(t *testing.T) { testCompose(t, command) })
	}
}

func testCompose(t *testing.T, command []string) {
	c := newClone(t, command)
	up := []string{"up"}
	if c.engine.buildable {
		up = append(up, "--build")
	}

	out := c.compose(t, append(up, "--exit-code-from", judge)...)
	assert.Contains(t, out, "verdict: holds")
	assert.Contains(t, out, "all witnesses agree on every connection")
	c.assertStopped(t)
	c.assertContainers(t)
	first := c.assertRun(t)
	for name, text := range first {
		require.NoError(t, os.WriteFile(c.file(name), append(text, "a mark\n"...), 0o644))
	}
	for _, name := range []string{"client4.sockets.jsonl", "client4.host.jsonl"} {
		require.NoError(t, os.WriteFile(c.file(name), first["client1."+strings.SplitN(name, ".", 2)[1]], 0o644))
	}

	out = c.compose(t, "up")
	assert.Contains(t, out, "verdict: holds")
	c.assertStopped(t)
	for name, text := range c.assertRun(t) {
		assert.NotContains(t, string(text), "a mark\n", "%s is of the run before", name)
		if strings.HasSuffix(name, ".host.jsonl") {
			assert.NotEqual(t, first[name], text, "%s is of the run before", name)
		}
	}

	// The control: the status is the judge's, whatever it is. Compose 1.29 cannot
	// make a changed service's container anew on newer engines, so down comes
	// before.
	c.compose(t, "down")
	c.edit(t, masquerade...)
	out = c.composeEnds(t, statusRefuted, "up", "--exit-code-from", judge)
	assert.Contains(t, out, "verdict: refuted")

	c.compose(t, "down")
	c.engine.assertNothingLeft(t, projectLabel, c.id, nil)
}

// edit changes the clone's Compose file.
func (c *clone) edit(t *testing.T, edits ...string) {
	t.Helper()
	name := filepath.Join(c.folder, "docker-compose.yml")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, []byte(edited(t, string(data), edits...)), 0o644))
}

// newClone copies the sources into a folder of their own, as another user's
// where this one may do so.
func newClone(t *testing.T, command []string) *clone {
	t.Helper()
	e := suite.docker(t)
	folder := t.ArtifactDir()
	l := &lab{engine: e, id: suite.newID(), runs: filepath.Join(folder, "runs")}
	c := &clone{lab: l, command: command, folder: folder}
	for _, name := range sources {
		require.NoError(t, copyTo(folder, name))
	}
	require.NoError(t, os.Mkdir(l.runs, 0o755))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(l.runs, 12345, 12345))
	}
	l.prefix = e.freePrefix(t, suite.within(t, time.Minute))
	e.leaveNothing(t, projectLabel, l.id)
	return c
}

func copyTo(folder, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.CopyFS(filepath.Join(folder, name), os.DirFS(name))
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), text, 0o644)
}

func (c *clone) compose(t *testing.T, args ...string) string {
	t.Helper()
	return c.composeEnds(t, 0, args...)
}

// composeEnds runs a Compose command that must end by itself, and with that
// status.
func (c *clone) composeEnds(t *testing.T, status int, args ...string) string {
	t.Helper()
	command := exec.CommandContext(suite.within(t, 10*time.Minute), c.command[0], slices.Concat(c.command[1:], []string{"-p", c.id}, args)...)
	command.Dir = c.folder
	command.Env = append(os.Environ(), "LAB_PREFIX="+c.prefix, client.EnvOverrideHost+"="+c.engine.address)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
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
	ctx := suite.within(t, time.Minute)
	all := make(map[string]container.InspectResponse)
	for _, id := range c.engine.containerIDs(ctx, projectLabel, c.id) {
		inspected, err := c.engine.cli.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		require.NoError(t, err)
		all[inspected.Container.Config.Labels["com.docker.compose.service"]] = inspected.Container
	}
	require.Len(t, all, len(hostNames)+1)
	return all
}

// assertStopped asserts that every container has ended well.
func (c *clone) assertStopped(t *testing.T) {
	t.Helper()
	for service, inspected := range c.services(t) {
		assert.False(t, inspected.State.Running, "%s still runs", service)
		assert.Zero(t, inspected.State.ExitCode, "the exit status of %s", service)
	}
}

// assertContainers asserts that Compose made the containers as confined as the
// file says, and where it says.
func (c *clone) assertContainers(t *testing.T) {
	t.Helper()
	on := make(map[string][]string)
	for service, inspected := range c.services(t) {
		assertConfined(t, service, inspected)
		on[service] = networksOf(inspected, c.id+"_")
	}
	assertPlaces(t, on)
}

// assertRun asserts that the run is whole, holds and belongs to the owner of
// the clone's runs, and returns its files.
func (c *clone) assertRun(t *testing.T) map[string][]byte {
	t.Helper()
	c.assertComplete(t)
	for witness, seen := range map[string][]conversation{
		"the server's socket table": conversations(c.acceptedSockets(t)),
		"the server's open files":   conversations(c.openFiles(t)),
		"the clients' captures":     c.calls(t, "client1", "client2", "client3"),
	} {
		assert.NoError(t, threeSourcesOnePort(c.prefix, seen), witness)
	}
	assert.Equal(t, "holds", c.verdict(t).Verdict)
	info, err := os.Stat(c.runs)
	require.NoError(t, err)
	assertOwner(t, c.file(""), ownerOf(info))
	files := make(map[string][]byte)
	for _, name := range fileNames(t, c.file("")) {
		files[name], err = os.ReadFile(c.file(name))
		require.NoError(t, err)
	}
	return files
}
