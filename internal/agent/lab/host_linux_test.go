package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// TestMain is lab where this test is started as lab or a program.
func TestMain(m *testing.M) {
	switch name := filepath.Base(os.Args[0]); name {
	case "lab", "server", "client", "socket":
		// A host's programs inherit this as well.
		if socket := os.Getenv("LAB_TEST_SOCKET"); name == "lab" && socket != "" {
			ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
			os.Exit(hostMain(ctx, os.Args[2:], socket, os.Stdin, os.Stdout, os.Stderr))
		}
		main()
	}
	goleak.VerifyTestMain(m)
}

// installed is a folder with lab and the programs, as an image has it, where
// everybody may look.
func installed(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lab")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir+"/lab", self, 0o755))
	for _, name := range []string{"server", "client", "socket"} {
		require.NoError(t, os.Symlink("lab", filepath.Join(dir, name)))
	}
	return dir
}

// A pair is two hosts that are processes in namespaces of their own.
//
//	server 10.12.0.10 ──── 10.12.0.11 client
type pair struct {
	lab    topology.Lab
	bin    string
	socket string
	ns     map[string]*nettest.Namespace
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{bin: installed(t), ns: map[string]*nettest.Namespace{"server": nettest.New(t), "client": nettest.New(t)}}
	p.socket = filepath.Join(t.TempDir(), "judge.sock")
	nettest.Connect(t, p.ns["server"], p.ns["client"], "10.12.0.10/24", "10.12.0.11/24")
	p.lab = topology.Lab{
		Name: "pair", Limit: time.Minute, Subnets: []topology.Subnet{{Name: "home", Prefix: netip.MustParsePrefix("10.12.0.0/24")}},
		Hosts: []topology.Host{
			{Name: "client", Program: []string{"client", "--json", "--message", "hello", "--hold", "10m", "10.12.0.10:12000"}, DependsOn: []string{"server"}},
			{Name: "server", Program: []string{"server", "--json"}},
		},
	}
	for i, address := range []string{"10.12.0.11/24", "10.12.0.10/24"} {
		h := &p.lab.Hosts[i]
		h.Links = []topology.Link{{Subnet: "home", Address: netip.MustParsePrefix(address)}}
		h.Ready.When = topology.ReadyEvent
	}
	p.lab.Steps = topology.DefaultSteps(p.lab.Hosts)
	return p
}

// start starts a host's agent as an engine would, to be led over the judge's
// socket or, with more, as that says.
func (p *pair) start(t *testing.T, name string, more func(*exec.Cmd)) *process {
	t.Helper()
	h, _ := p.lab.Host(name)
	args := append([]string{"host", name}, h.Program...)
	if more != nil {
		args = []string{"host", "--stdio", name}
	}
	c := &process{Cmd: p.ns[name].Command(p.bin+"/lab", args...), done: make(chan struct{})}
	c.Env = []string{"PATH=/usr/bin:/bin", "LAB_TEST_SOCKET=" + p.socket}
	c.Stdout, c.Stderr, c.Dir = &c.output, &c.output, "/"
	if more != nil {
		more(c.Cmd)
	}
	require.NoError(t, c.Start())
	go func() {
		defer close(c.done)
		_ = c.Wait()
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-c.done
	})
	return c
}

// A process is an agent's.
type process struct {
	*exec.Cmd
	output bytes.Buffer // whole once done is closed
	done   chan struct{}
}

// ended waits for the process to end, and returns its exit status.
func (p *process) ended(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		t.Errorf("%v is there after %v", p.Args, within)
		_ = p.Process.Kill()
		<-p.done
	}
	return p.ProcessState.ExitCode()
}

// An engineFunc is an engine.
type engineFunc func(context.Context, run.Setup) (*run.Network, error)

func (f engineFunc) Up(ctx context.Context, s run.Setup) (*run.Network, error) { return f(ctx, s) }

func (f engineFunc) Version(context.Context) (string, error) { return "test", nil }

// run runs the pair and returns what was recorded.
func (p *pair) run(t *testing.T, e run.Engine, o run.Options) *evidence.Run {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	folder, err := evidence.Create(dir, &p.lab, nil, evidence.Versions{})
	require.NoError(t, err)
	require.NoError(t, run.Run(t.Context(), e, run.Setup{ID: folder.ID, LabHash: folder.LabHash, Lab: &p.lab, Record: folder.Append}, o))
	require.NoError(t, folder.Close())
	seen, err := evidence.Load(dir)
	require.NoError(t, err)
	return seen
}

// overSocket is the engine that Compose's judge has. It keeps the hosts, whose
// streams end with it otherwise.
func (p *pair) overSocket(t *testing.T, hosts map[string]run.Host) run.Engine {
	return engineFunc(func(ctx context.Context, s run.Setup) (*run.Network, error) {
		n, err := run.Listener{Socket: p.socket}.Up(ctx, s)
		if err == nil {
			maps.Copy(hosts, n.Hosts)
		}
		return n, err
	})
}

func hangUp(t *testing.T, hosts map[string]run.Host) {
	t.Helper()
	for _, h := range hosts {
		assert.NoError(t, h.(*run.Remote).Close())
	}
}

// wholeProof is what a run of the pair must have left.
func wholeProof(t *testing.T, seen *evidence.Run) {
	t.Helper()
	assert.Empty(t, seen.Defects)
	for name, h := range seen.Hosts {
		assert.Empty(t, h.Defects, name)
	}
	require.Len(t, seen.Connections, 1)
	c := seen.Connections[0]
	assert.Equal(t, evidence.Opened, c.Outcome)
	assert.Empty(t, c.Conflicts)
	for column, lacks := range c.Lacks {
		assert.Empty(t, lacks, column)
	}
	assert.Equal(t, "hello", strings.TrimSpace(string(c.Client.Sent.Data)))
}

func TestHostsOverTheSocket(t *testing.T) {
	p := newPair(t)
	client, server := p.start(t, "client", nil), p.start(t, "server", nil)
	hosts := make(map[string]run.Host)
	wholeProof(t, p.run(t, p.overSocket(t, hosts), run.Options{}))
	select {
	case <-client.done:
		t.Error("a host ended before the judge")
	case <-server.done:
		t.Error("a host ended before the judge")
	default:
	}
	hangUp(t, hosts)
	assert.Zero(t, client.ended(t, 10*time.Second))
	assert.Zero(t, server.ended(t, 10*time.Second))
	assert.Contains(t, server.output.String(), "waits for connections on 0.0.0.0:12000")
	assert.Contains(t, client.output.String(), "connected to 10.12.0.10:12000, from 10.12.0.11:")
}

func TestHostsOverStandardStreams(t *testing.T) {
	p := newPair(t)
	var streams []io.Closer
	e := engineFunc(func(ctx context.Context, s run.Setup) (*run.Network, error) {
		n := &run.Network{Hosts: make(map[string]run.Host), Down: func(context.Context) error { return nil }}
		for _, h := range s.Lab.Hosts {
			var stream standardStreams
			p.start(t, h.Name, func(c *exec.Cmd) {
				var err error
				stream.Writer, err = c.StdinPipe()
				require.NoError(t, err)
				c.Stdout = nil
				stream.Reader, err = c.StdoutPipe()
				require.NoError(t, err)
			})
			r, err := run.Connect(ctx, stream, s, h, nil)
			if err != nil {
				return nil, err
			}
			n.Hosts[h.Name] = r
			streams = append(streams, r)
		}
		return n, nil
	})
	wholeProof(t, p.run(t, e, run.Options{}))
	for _, s := range streams {
		_ = s.Close()
	}
}

// A container that is told to stop is closed before it ends, and so are all
// others: what they saw is whole.
func TestHostsAreToldToStop(t *testing.T) {
	p := newPair(t)
	client, server := p.start(t, "client", nil), p.start(t, "server", nil)
	hosts := make(map[string]run.Host)
	wholeProof(t, p.run(t, p.overSocket(t, hosts), run.Options{Pause: func(ctx context.Context, _ *run.Network) {
		require.NoError(t, client.Process.Signal(syscall.SIGTERM))
		<-ctx.Done()
	}}))
	client.ended(t, 5*time.Second)
	require.NoError(t, server.Process.Signal(syscall.SIGTERM))
	server.ended(t, 5*time.Second)
	hangUp(t, hosts)
}

// When the judge is killed, programs end too, within seconds and in silence.
func TestHostsEndWithTheJudge(t *testing.T) {
	p := newPair(t)
	client, server := p.start(t, "client", nil), p.start(t, "server", nil)
	hosts := make(map[string]run.Host)
	p.run(t, p.overSocket(t, hosts), run.Options{Pause: func(context.Context, *run.Network) {
		hangUp(t, hosts)
		assert.Equal(t, statusCannot, client.ended(t, 5*time.Second))
		assert.Equal(t, statusCannot, server.ended(t, 5*time.Second))
	}})
	assert.NotContains(t, client.output.String()+server.output.String(), "lab:", "neither says anything of its own")
	for name, ns := range p.ns {
		assert.Empty(t, ns.Output(t, "ss", "-Htnp", "state", "listening"), name)
	}
}

// A host that finds no judge says so, unless there was one a moment ago, which
// has had its words.
func TestDialWithoutAJudge(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "judge.sock")
	_, err := dial(t.Context(), socket, time.Millisecond)
	require.ErrorContains(t, err, fmt.Sprintf("no judge at %s for 1ms: start the whole lab with docker compose up", socket))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	_, err = dial(t.Context(), socket, time.Millisecond)
	require.ErrorIs(t, err, errJudgeEnded)
	require.NoError(t, os.Chtimes(socket, time.Time{}, time.Now().Add(-time.Hour)))
	_, err = dial(t.Context(), socket, time.Millisecond)
	require.ErrorContains(t, err, "no judge at")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, statusCannot, hostMain(ctx, []string{"server"}, socket, nil, io.Discard, io.Discard), "SIGTERM ends the wait at once")
}

func TestLabSaysHowItIsUsed(t *testing.T) {
	for _, args := range [][]string{{"lab"}, {"lab", "judge"}, {"lab", "host"}, {"lab", "host", "--stdio", "server", "sh"}} {
		var stderr bytes.Buffer
		assert.Equal(t, statusCannot, lab(t.Context(), args, nil, io.Discard, &stderr), args)
		assert.Contains(t, stderr.String(), "usage: lab host", args)
	}
	for _, args := range [][]string{{"lab", "server", "--help"}, {"/client", "--help"}, {"lab", "socket", "--help"}, {"/socket", "-h"}} {
		var stdout bytes.Buffer
		assert.Zero(t, lab(t.Context(), args, nil, &stdout, io.Discard), args)
		assert.NotEmpty(t, stdout.String())
	}
}
