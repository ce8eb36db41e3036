//go:build integration

package fourtuple

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing is left of a test that fails in the middle of a run, panics there or
// is interrupted: a second process of this suite does so, and this one looks.
func TestFailureLeavesNothing(t *testing.T) {
	e := suite.docker(t)
	for how, says := range map[string]string{
		"fail": "fails on purpose", "panic": "panics on purpose", "interrupt": "context canceled",
	} {
		t.Run(how, func(t *testing.T) {
			id := suite.id + "-" + how
			e.leaveNothing(t, sessionLabel, id)
			command := exec.CommandContext(suite.within(t, runWithin), os.Args[0], "-test.run=^TestFailsOnPurpose$", "-test.v")
			command.Env = append(os.Environ(), sessionVariable+"="+id, failVariable+"="+how,
				imagesVariable+"="+strings.TrimPrefix(e.server, imageName("server", "")))
			command.WaitDelay = time.Minute
			var out bytes.Buffer
			command.Stdout, command.Stderr = &out, &out
			gate, err := command.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, command.Start())
			containers := e.waitForLab(t, id)
			found := processes(containers)
			if os.Getenv("CI") != "" {
				assert.NotEmpty(t, found, "the control: a lab that runs has processes")
			}
			if how == "interrupt" {
				require.NoError(t, command.Process.Signal(syscall.SIGINT))
			}
			require.NoError(t, gate.Close()) // go on
			require.Error(t, command.Wait(), "it does not fail:\n%s", &out)
			assert.Contains(t, out.String(), says)
			assert.NotContains(t, out.String(), "left behind")
			e.assertNothingLeft(t, sessionLabel, id, containers)
		})
	}
}

// waitForLab waits until a session's containers all run, and returns them.
func (e *engine) waitForLab(t *testing.T, session string) (containers []string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		containers = e.containerIDs(suite.ctx, sessionLabel, session)
		require.Len(c, containers, len(hostNames)+1)
		for _, id := range containers {
			inspected, err := e.cli.ContainerInspect(suite.ctx, id, client.ContainerInspectOptions{})
			require.NoError(c, err)
			require.True(c, inspected.Container.State.Running)
		}
	}, runWithin, 100*time.Millisecond)
	return containers
}

// TestFailsOnPurpose is what the second process runs: a test that fails in the
// middle of a run, when its standard input ends.
func TestFailsOnPurpose(t *testing.T) {
	how := os.Getenv(failVariable)
	if how == "" {
		return // it is no test by itself
	}
	l := start(t, change{hold: true})
	_, _ = os.Stdin.Read(make([]byte, 1))
	switch how {
	case "fail":
		require.FailNow(t, "fails on purpose")
	case "panic":
		panic("panics on purpose")
	}
	l.wait(t)
}
