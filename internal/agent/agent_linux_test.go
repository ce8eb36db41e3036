package agent

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const labText = "x-lab: {name: test}\n"

// newAgent makes the agent of a host that runs a shell script.
func newAgent(t *testing.T, script string, output *bytes.Buffer) (*Agent, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, evidence.WriteFile(dir, evidence.LabFile, []byte(labText)))
	h := topology.Host{Name: "server", StopSignal: "SIGTERM", StopGrace: 20 * time.Second}
	if script != "" {
		h.Program = []string{"/bin/sh", "-c", script}
	}
	c := Config{Host: h, Lab: []byte(labText), Folder: dir, Place: newCloset(t), Poll: 10 * time.Millisecond}
	if output != nil {
		c.Output = output
	}
	a, err := New(c)
	require.NoError(t, err)
	return a, dir
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func loaded(t *testing.T, dir string) *evidence.Host {
	t.Helper()
	run, err := evidence.Load(os.DirFS(dir))
	require.NoError(t, err)
	return run.Hosts["server"]
}

func events(h *evidence.Host) []string {
	var names []string
	for _, e := range h.Events {
		names = append(names, e.Event)
	}
	return names
}

// through takes the agent through a whole run.
func through(t *testing.T, a *Agent) {
	t.Helper()
	ctx := within(t)
	require.NoError(t, a.Open(ctx))
	require.NoError(t, a.Start(ctx))
	require.NoError(t, a.Settle(ctx))
	require.NoError(t, a.Snapshot(ctx))
	require.NoError(t, a.Stop(ctx))
	require.NoError(t, a.Close(ctx))
}

func TestAgentLeavesWholeEvidence(t *testing.T) {
	var output bytes.Buffer
	a, dir := newAgent(t, `echo plain words; echo '{"event":"holding","local":"10.12.1.10:40000","remote":"10.12.0.10:12000"}'; exec sleep 100`, &output)
	through(t, a)
	h := loaded(t, dir)
	for _, w := range []evidence.Witness{evidence.Agent, evidence.Packets, evidence.Sockets, evidence.Files, evidence.Program} {
		assert.Empty(t, h.Flaw(w), w)
	}
	// That the program ended may be told before or after that it was stopped.
	assert.ElementsMatch(t, []string{"registered", "live", "started", "settled", "snapshot", "exited", "stopped", "closed"}, events(h))
	require.Len(t, h.Accounts, 2)
	assert.Equal(t, "plain words", h.Accounts[0].Text)
	assert.Equal(t, evidence.SaidHolding, h.Accounts[1].Event)
	assert.False(t, h.Accounts[1].Time.IsZero())
	assert.NotEmpty(t, h.Files, "the shell has open files")
	assert.Equal(t, "plain words\n10.12.1.10:40000 -> 10.12.0.10:12000: holds the connection open\n", output.String())
	for _, e := range h.Events {
		if e.Event == evidence.HostExited {
			assert.Equal(t, 128+15, *e.Status)
		}
		if e.Event == evidence.HostLive {
			assert.Equal(t, "lo", e.Interfaces[0].Name)
		}
	}
}

func TestAgentOfARouterHasNoProgram(t *testing.T) {
	a, dir := newAgent(t, "", nil)
	through(t, a)
	h := loaded(t, dir)
	assert.Equal(t, []string{"registered", "live", "started", "settled", "snapshot", "stopped", "closed"}, events(h))
	assert.Empty(t, h.Flaw(evidence.Packets))
}

func TestAgentSettlesWithoutAWord(t *testing.T) {
	for name, script := range map[string]string{
		"a program that ends":           "exit 7",
		"a program that listens":        `exec python3 -c 'import socket,time; s=socket.create_server(("127.0.0.1",12000)); time.sleep(100)'`,
		"a program that changes nought": "exec sleep 100",
	} {
		t.Run(name, func(t *testing.T) {
			a, dir := newAgent(t, script, nil)
			a.Quiet = time.Minute
			if strings.Contains(name, "nought") {
				a.Quiet = 100 * time.Millisecond
			}
			through(t, a)
			h := loaded(t, dir)
			assert.Contains(t, events(h), "settled")
			if strings.Contains(script, "python3") {
				require.NotEmpty(t, h.Sockets)
				assert.Equal(t, evidence.Listen, h.Sockets[0].State)
			}
		})
	}
}

func TestAgentKillsWhatDoesNotStop(t *testing.T) {
	a, dir := newAgent(t, `trap "" TERM; echo '{"event":"listening"}'; while :; do sleep 1; done`, nil)
	a.Host.StopGrace = 50 * time.Millisecond
	through(t, a)
	for _, e := range loaded(t, dir).Events {
		if e.Event == evidence.HostExited {
			assert.Equal(t, 128+9, *e.Status)
		}
	}
}

func TestAgentTellsWhyAProgramDoesNotStart(t *testing.T) {
	a, dir := newAgent(t, "", nil)
	a.Host.Program = []string{"/no/such/program"}
	ctx := within(t)
	require.NoError(t, a.Open(ctx))
	require.ErrorContains(t, a.Start(ctx), "no such file")
	require.NoError(t, a.Stop(ctx))
	require.NoError(t, a.Close(ctx))
	h := loaded(t, dir)
	assert.Contains(t, h.Flaw(evidence.Agent), "no such file")
}

// A host that did not open has no evidence, and says so.
func TestAgentThatNeverOpened(t *testing.T) {
	a, dir := newAgent(t, "exit 0", nil)
	ctx := within(t)
	require.ErrorIs(t, a.Start(ctx), errNotOpen)
	require.ErrorIs(t, a.Snapshot(ctx), errNotOpen)
	require.NoError(t, a.Stop(ctx))
	require.NoError(t, a.Close(ctx))
	require.NoError(t, a.Close(ctx), "a second time")
	h := loaded(t, dir)
	for _, w := range []evidence.Witness{evidence.Packets, evidence.Sockets, evidence.Files, evidence.Program} {
		assert.NotEmpty(t, h.Flaw(w), w)
	}
}

func TestAgentCapturesTooLate(t *testing.T) {
	script := `python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 12000))
c = socket.create_connection(("127.0.0.1", 12000))
a, _ = s.accept()
'; echo '{"event":"holding"}'; exec sleep 100`
	for name, late := range map[string]time.Duration{"late": 20 * time.Second, "in time": 0} {
		t.Run(name, func(t *testing.T) {
			a, dir := newAgent(t, script, nil)
			a.Host.CaptureAfter = late
			ctx := within(t)
			require.NoError(t, a.Open(ctx))
			require.NoError(t, a.Start(ctx))
			<-a.program.said
			a.Host.CaptureAfter = min(late, time.Millisecond) // it has been long enough
			require.NoError(t, a.Settle(ctx))
			require.NoError(t, a.Stop(ctx))
			require.NoError(t, a.Close(ctx))
			h := loaded(t, dir)
			assert.Empty(t, h.Flaw(evidence.Packets))
			if late > 0 {
				assert.Empty(t, h.Packets)
			} else {
				assert.NotEmpty(t, h.Packets)
			}
		})
	}
}

func TestAgentRefusesASecondOfItsName(t *testing.T) {
	a, dir := newAgent(t, "", nil)
	_, err := New(Config{Host: a.Host, Folder: dir})
	require.ErrorIs(t, err, os.ErrExist)
	require.NoError(t, a.Close(within(t)))
}
