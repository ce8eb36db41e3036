//go:build integration

package fourtuple

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// upAndHeld is what the second process says when its lab is up.
const upAndHeld = "the lab is up and held"

// Nothing is left of a test that fails in the middle of a run, panics there or
// is interrupted: a second process of this suite does so, and this one looks.
func TestFailureLeavesNothing(t *testing.T) {
	e := suite.docker(t)
	for how, says := range map[string]string{
		"fail": "fails on purpose", "panic": "panics on purpose", "interrupt": "signal received",
	} {
		t.Run(how, func(t *testing.T) {
			id := suite.id + "-" + how
			e.leaveNothing(t, sessionLabel, id)
			second := e.secondProcess(t, id, how)
			var containers []string
			out := second.run(t, func() {
				containers = e.containerIDs(suite.ctx, sessionLabel, id)
				require.Len(t, containers, len(hostNames)+1)
				if len(processes(containers)) == 0 {
					missing(t, "the engine's processes are not this machine's: nobody can look at them from here")
				}
			})
			assert.Contains(t, out, says)
			assert.NotContains(t, out, "left behind")
			e.assertNothingLeft(t, sessionLabel, id, containers)
		})
	}
}

// A secondProcess runs TestFailsOnPurpose with the images of this process.
type secondProcess struct {
	*exec.Cmd
	how  string
	gate io.Closer
	out  io.Reader
}

func (e *engine) secondProcess(t *testing.T, id, how string) *secondProcess {
	t.Helper()
	p := &secondProcess{how: how, Cmd: exec.CommandContext(suite.within(t, runWithin), os.Args[0], "-test.run=^TestFailsOnPurpose$", "-test.v")}
	p.Env = append(os.Environ(), sessionVariable+"="+id, failVariable+"="+how,
		imagesVariable+"="+strings.TrimPrefix(e.server, imageName("server", "")))
	var err error
	p.gate, err = p.StdinPipe()
	require.NoError(t, err)
	p.out, err = p.StdoutPipe()
	require.NoError(t, err)
	p.Stderr = p.Stdout
	p.WaitDelay = time.Minute
	return p
}

// run starts the process, calls atWork when its lab is up, lets it fail then,
// and returns what it printed.
func (p *secondProcess) run(t *testing.T, atWork func()) string {
	t.Helper()
	require.NoError(t, p.Start())
	var out bytes.Buffer
	lines := bufio.NewReader(io.TeeReader(p.out, &out))
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, "it ended too early:\n%s", &out)
		if strings.TrimSpace(line) == upAndHeld {
			break
		}
	}
	atWork()
	if p.how == "interrupt" {
		require.NoError(t, p.Process.Signal(os.Interrupt))
	}
	require.NoError(t, p.gate.Close())
	_, err := io.Copy(io.Discard, lines)
	require.NoError(t, err)
	require.Error(t, p.Wait(), "it does not fail:\n%s", &out)
	return out.String()
}

// TestFailsOnPurpose is what the second process runs: a test that fails in the
// middle of a run, when its standard input ends.
func TestFailsOnPurpose(t *testing.T) {
	how := os.Getenv(failVariable)
	if how == "" {
		return // no test of this process
	}
	l := start(t, change{hold: true})
	l.waitUntilHeld(t)
	fmt.Println(upAndHeld)
	_, _ = os.Stdin.Read(make([]byte, 1))
	switch how {
	case "fail":
		require.FailNow(t, "fails on purpose")
	case "panic":
		panic("panics on purpose")
	}
	l.wait(t)
}
