package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inside is a namespace of a test as an agent's.
type inside struct {
	t  *testing.T
	ns *nettest.Namespace
}

func (n inside) Do(f func() error) (err error) {
	n.ns.Do(n.t, func() { err = f() })
	return err
}

func (n inside) Start(ctx context.Context, p Program) (Process, error) {
	if _, err := p.Executable(p.FullEnvironment("/", nil)); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c := n.ns.Command(p.Args[0], p.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = p.Stdin, p.Stdout, p.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err := c.Start()
	return child{c.Process}, err
}

// A world is an agent, and the run folder that it records into.
type world struct {
	*Agent
	t      *testing.T
	dir    string
	folder *evidence.Folder
	output bytes.Buffer
}

// newWorld makes the agent of a host in a namespace. Its lab is that host.
func newWorld(t *testing.T, ns *nettest.Namespace, h topology.Host) *world {
	t.Helper()
	h.Name = "server"
	if h.StopGrace == 0 {
		h.StopGrace = 20 * time.Second
	}
	lab := &topology.Lab{
		Name: "test", Hosts: []topology.Host{h}, Limit: time.Minute, Steps: topology.DefaultSteps([]topology.Host{h}),
		Subnets: []topology.Subnet{{Name: "home", Prefix: netip.MustParsePrefix("10.12.0.0/24")}, {Name: "cafe", Prefix: netip.MustParsePrefix("10.12.1.0/24")}},
	}
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "run")}
	var err error
	w.folder, err = evidence.Create(w.dir, lab, nil, evidence.Versions{})
	require.NoError(t, err)
	w.Agent, err = New(Config{
		Host: h, Run: w.folder.ID, LabHash: w.folder.LabHash, Namespace: inside{t, ns}, Poll: 5 * time.Millisecond, Output: &w.output,
		Record: func(witness evidence.Witness, records []byte) error {
			return w.folder.Append("server", witness, records)
		},
	})
	require.NoError(t, err)
	return w
}

// do does a step that must succeed, in time.
func (w *world) do(action topology.Action) {
	w.t.Helper()
	step := topology.Step{Action: action}
	switch action {
	case topology.Start, topology.Stop:
		step.On = []string{"server"}
	case topology.Snapshot:
		step.Name = topology.Settled
	}
	w.step(step)
}

func (w *world) step(step topology.Step) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(w.t, w.Do(ctx, step), step)
}

// all does all steps of a run.
func (w *world) all() *evidence.Host {
	w.t.Helper()
	w.do(topology.Open)
	for _, step := range topology.DefaultSteps([]topology.Host{w.Host}) {
		w.step(step)
	}
	w.do(topology.Close)
	return w.load()
}

// load reads what the agent recorded.
func (w *world) load() *evidence.Host {
	w.t.Helper()
	require.NoError(w.t, w.folder.Close())
	r, err := evidence.Load(w.dir)
	require.NoError(w.t, err)
	return r.Hosts["server"]
}

// events are the names of the events in a host's account.
func events(h *evidence.Host) []string {
	var names []string
	for _, e := range h.Events {
		names = append(names, e.Event)
	}
	return names
}

// event is the first event of that name.
func event(t *testing.T, h *evidence.Host, name string) evidence.HostEvent {
	t.Helper()
	at := slices.Index(events(h), name)
	require.GreaterOrEqual(t, at, 0, "%s is not in %v", name, events(h))
	return h.Events[at]
}

func shell(script string) topology.Host { return topology.Host{Program: []string{"sh", "-c", script}} }

func python(t *testing.T, script string) topology.Host {
	nettest.Tool(t, "python3")
	return topology.Host{Program: []string{"python3", "-u", "-c", "import socket, time\n" + script}}
}

// talk is a program that talks to itself.
const talk = `
s = socket.create_server(("127.0.0.1", 12000))
c = socket.create_connection(("127.0.0.1", 12000))
a, _ = s.accept()
c.send(b"hello")
`

func TestAgentLeavesWholeEvidence(t *testing.T) {
	w := newWorld(t, nettest.New(t), python(t, talk+`
a.recv(5)
print("plain\x1b words")
import sys; print("no good", file=sys.stderr)
print('{"event":"holding","local":"127.0.0.1:40000","remote":"127.0.0.1:12000","time":"2001-01-01T00:00:00Z"}')
time.sleep(100)`))
	w.Host.Ready.When = topology.ReadyEvent
	h := w.all()
	assert.Empty(t, h.Defects)
	assert.Equal(t, []string{"registered", "live", "started", "ready", "step", "snapshot", "step", "exited", "step", "stopped", "closed"}, events(h))
	live, snapshot := event(t, h, evidence.HostLive), event(t, h, evidence.HostSnapshot)
	assert.Equal(t, 1, live.Snapshot, "the tables as they were before the program")
	assert.True(t, snapshot.Idle)
	assert.Equal(t, 128+15, *event(t, h, evidence.HostExited).Status)
	var told []evidence.ProgramEvent
	for _, e := range h.Program {
		assert.False(t, e.Time.Before(event(t, h, evidence.HostRegistered).Time), "no program tells of a time before its own")
		told = append(told, evidence.ProgramEvent{Event: e.Event, Text: e.Text, Error: e.Error})
	}
	assert.ElementsMatch(t, []evidence.ProgramEvent{
		{Event: "line", Text: "plain\x1b words"}, {Event: "holding"}, {Event: "line", Error: "no good"},
	}, told)
	assert.Contains(t, w.output.String(), "plain\ufffd words\n")
	assert.Contains(t, w.output.String(), "127.0.0.1:40000 -> 127.0.0.1:12000: holds the connection open\n")
	assert.NotEmpty(t, h.Packets)

	// Sockets and files of the snapshot are the same, and the poll's too.
	sockets, files := make(map[int][]uint64), make(map[int][]uint64)
	for _, s := range h.Sockets {
		if s.Inode != 0 {
			sockets[s.Snapshot] = append(sockets[s.Snapshot], s.Inode)
		}
	}
	for _, f := range h.Files {
		if f.Protocol != "" {
			files[f.Snapshot] = append(files[f.Snapshot], f.Inode)
		}
	}
	assert.Len(t, sockets[snapshot.Snapshot], 3)
	assert.ElementsMatch(t, sockets[snapshot.Snapshot], files[snapshot.Snapshot])
	assert.Empty(t, sockets[live.Snapshot])
	for _, s := range h.Sockets {
		assert.True(t, s.Snapshot != snapshot.Snapshot || s.State != evidence.Established || s.RecvQueue+s.SendQueue == 0)
	}
}

// A router has no program, translates, and has the translations in its account.
//
//	client 10.12.1.10 ── .254 router .254 ── 10.12.0.10 server
func TestAgentOfARouter(t *testing.T) {
	nettest.Tool(t, "nft")
	client, router, server := nettest.New(t), nettest.New(t), nettest.New(t)
	nettest.Connect(t, router, client, "10.12.1.254/24", "10.12.1.10/24")
	home, _ := nettest.Connect(t, router, server, "10.12.0.254/24", "10.12.0.10/24")
	router.Output(t, "sysctl", "-w", "net.ipv4.ip_forward=1")
	client.Output(t, "ip", "route", "add", "default", "via", "10.12.1.254")
	w := newWorld(t, router, topology.Host{Forwards: true, Masquerade: []string{"home"}, Links: []topology.Link{
		{Subnet: "cafe", Address: netip.MustParsePrefix("10.12.1.254/24")},
		{Subnet: "home", Address: netip.MustParsePrefix("10.12.0.254/24")},
	}})
	w.do(topology.Open)
	assert.Contains(t, router.Output(t, "nft", "list", "ruleset"), fmt.Sprintf("oifname %q masquerade", home))
	var listener net.Listener
	server.Do(t, func() {
		var err error
		listener, err = net.Listen("tcp", "10.12.0.10:12000")
		require.NoError(t, err)
	})
	defer listener.Close()
	client.Do(t, func() {
		c, err := net.DialTimeout("tcp", "10.12.0.10:12000", 10*time.Second)
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
	})
	seen, err := listener.Accept()
	require.NoError(t, err)
	defer seen.Close()
	w.step(topology.Step{Action: topology.Snapshot, Name: topology.Settled, Number: 1})
	w.do(topology.Close)
	h := w.load()
	assert.Empty(t, h.Defects)
	assert.Equal(t, []string{"registered", "live", "snapshot", "step", "stopped", "closed"}, events(h))
	require.NotEmpty(t, h.Translations)
	last := h.Translations[len(h.Translations)-1]
	assert.Equal(t, event(t, h, evidence.HostSnapshot).Snapshot, last.Snapshot)
	assert.Equal(t, "10.12.1.10", last.Original.Source.Addr().String())
	assert.Equal(t, seen.RemoteAddr().String(), last.Translated.Source.String())
}

// An agent in a container sets its host's routes, and takes away any other way
// out.
func TestAgentSetsRoutes(t *testing.T) {
	ns, other := nettest.New(t), nettest.New(t)
	nettest.Connect(t, ns, other, "10.12.1.10/24", "10.12.1.254/24")
	ns.Output(t, "ip", "route", "add", "default", "via", "10.12.1.1")
	ns.AddAddress(t, "eth0", "fd12:1::10/64")
	ns.Output(t, "ip", "-6", "route", "add", "default", "via", "fd12:1::1")
	w := newWorld(t, ns, topology.Host{
		Links: []topology.Link{{Subnet: "cafe", Address: netip.MustParsePrefix("10.12.1.10/24"), Address6: netip.MustParsePrefix("fd12:1::10/64")}},
		Routes: []topology.Route{
			{Destination: netip.MustParsePrefix("fd12::/64"), Gateway: netip.MustParseAddr("fd12:1::fe")},
			{Destination: netip.MustParsePrefix("::/0"), Gateway: netip.MustParseAddr("fd12:1::fd")},
			{Destination: netip.MustParsePrefix("10.12.0.0/24"), Gateway: netip.MustParseAddr("10.12.1.254")},
			{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.12.1.253")},
		},
	})
	w.SetRoutes = true
	w.do(topology.Open)
	routes := ns.Output(t, "ip", "route")
	assert.Contains(t, routes, "10.12.0.0/24 via 10.12.1.254")
	assert.Contains(t, routes, "default via 10.12.1.253")
	assert.NotContains(t, routes, "via 10.12.1.1 ")
	routes = ns.Output(t, "ip", "-6", "route")
	assert.Contains(t, routes, "fd12::/64 via fd12:1::fe")
	assert.Contains(t, routes, "default via fd12:1::fd")
	assert.NotContains(t, routes, "via fd12:1::1 ")
	w.do(topology.Close)
}

// When a program is ready, and what is said if it is not in time: then a
// snapshot is taken all the same.
//
//	server 10.12.0.10 ──── 10.12.0.1
func TestReadiness(t *testing.T) {
	const sleep = "\ntime.sleep(100)"
	tests := map[string]struct {
		host   topology.Host
		ready  topology.Ready
		waited string // what it waits for in vain
	}{
		"an event":         {host: shell(`echo '{"event":"holding","local":"10.12.0.10:1","remote":"10.12.0.1:2"}'; exec sleep 100`), ready: topology.Ready{When: topology.ReadyEvent}},
		"no event":         {host: python(t, talk+sleep), ready: topology.Ready{When: topology.ReadyEvent}, waited: `the program to print the event "listening", "holding" or "prompt"`},
		"an end":           {host: shell("exit 7"), ready: topology.Ready{When: topology.ReadyExit}},
		"an early end":     {host: shell("exit 7"), ready: topology.Ready{When: topology.ReadyEvent}},
		"no end":           {host: shell(`echo '{"event":"holding","local":"10.12.0.10:1","remote":"10.12.0.1:2"}'; exec sleep 100`), ready: topology.Ready{When: topology.ReadyExit}, waited: "the program to end"},
		"started":          {host: shell("exec sleep 100"), ready: topology.Ready{When: topology.ReadyStarted}},
		"a time":           {host: shell("exec sleep 100"), ready: topology.Ready{When: topology.ReadyAfter, After: 10 * time.Millisecond}},
		"no time yet":      {host: shell("exec sleep 100"), ready: topology.Ready{When: topology.ReadyAfter, After: time.Hour}, waited: "1h0m0s to pass"},
		"a listener":       {host: python(t, `s = socket.create_server(("10.12.0.10", 12001))`+sleep)},
		"a UDP socket":     {host: python(t, `s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.12.0.10", 5300))`+sleep)},
		"a closed one":     {host: python(t, `c = socket.create_connection(("10.12.0.10", 12000)); c.close()`+sleep)},
		"silence":          {host: shell("exec sleep 100"), waited: "a socket of the program that listens or is connected: "},
		"only SYN":         {host: python(t, `socket.create_connection(("10.12.0.99", 12000))`), waited: "10.12.0.99:12000 is SYN_SENT"},
		"asking for names": {host: python(t, `s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("10.12.0.1", 53))`+sleep), waited: "10.12.0.1:53"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, other := nettest.New(t), nettest.New(t)
			nettest.Connect(t, ns, other, "10.12.0.10/24", "10.12.0.1/24")
			ns.Do(t, func() { // as a container engine has one for names
				engine, err := net.Listen("tcp", "10.12.0.10:12000")
				require.NoError(t, err)
				t.Cleanup(func() { engine.Close() })
			})
			test.host.Ready = test.ready
			test.host.Links = []topology.Link{{Subnet: "home", Address: netip.MustParsePrefix("10.12.0.10/24")}}
			w := newWorld(t, ns, test.host)
			w.do(topology.Open)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if test.waited != "" {
				go func() {
					time.Sleep(50 * time.Millisecond)
					for sockets := strings.Contains(test.waited, "10.12"); sockets; time.Sleep(time.Millisecond) {
						rows, err := w.tables.look()
						sockets = err == nil && len(rows) == 1 // the engine's
					}
					cancel(errors.New("the limit was over"))
				}()
			}
			for _, step := range topology.DefaultSteps([]topology.Host{w.Host}) {
				require.NoError(t, w.Do(ctx, step))
				cancel(nil)
			}
			require.NoError(t, w.Do(ctx, topology.Step{Action: topology.Close}))
			h := w.load()
			assert.Empty(t, h.Defects)
			assert.Positive(t, event(t, h, evidence.HostStarted).PID)
			assert.Equal(t, test.waited == "", slices.Contains(events(h), evidence.HostReady))
			assert.False(t, event(t, h, evidence.HostSnapshot).Idle, "without waiting nobody knows")
			if test.waited != "" {
				assert.Contains(t, event(t, h, evidence.HostNotReady).Error, test.waited)
				assert.Contains(t, event(t, h, evidence.HostNotReady).Error, ": the limit was over")
			}
		})
	}
}

// A snapshot of a connection on which bytes wait says that they do, in time.
func TestSnapshotOfWhatIsNotIdle(t *testing.T) {
	w := newWorld(t, nettest.New(t), python(t, talk+`print('{"event":"listening"}'); time.sleep(100)`))
	w.Host.Ready.When = topology.ReadyEvent
	w.do(topology.Open)
	w.do(topology.Start)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, w.Do(ctx, topology.Step{Action: topology.Snapshot, Name: topology.Settled}))
	w.do(topology.Close)
	h := w.load()
	snapshot := event(t, h, evidence.HostSnapshot)
	assert.False(t, snapshot.Idle)
	assert.True(t, slices.ContainsFunc(h.Sockets, func(s evidence.Socket) bool {
		return s.Snapshot == snapshot.Snapshot && s.State == evidence.Established && s.RecvQueue == 5
	}))
}

// A program that does not stop is killed after its grace, and at once when there
// is no time.
func TestAgentKills(t *testing.T) {
	for name, grace := range map[string]time.Duration{"after its grace": 500 * time.Millisecond, "at once": time.Hour} {
		t.Run(name, func(t *testing.T) {
			h := shell(`trap "echo not yet" TERM; echo '{"event":"listening"}'; while :; do sleep 0.01; done`)
			h.StopGrace = grace
			w := newWorld(t, nettest.New(t), h)
			w.do(topology.Open)
			w.do(topology.Start)
			ctx, cancel := context.WithCancel(t.Context())
			if name == "at once" {
				cancel()
			}
			err := w.Do(ctx, topology.Step{Action: topology.Stop, On: []string{"server"}})
			cancel()
			require.NoError(t, err)
			w.do(topology.Close)
			err = w.Do(t.Context(), topology.Step{Action: topology.Start, On: []string{"server"}})
			require.Error(t, err, "nothing starts after that")
			assert.Equal(t, 128+9, *event(t, w.load(), evidence.HostExited).Status)
			assert.Equal(t, name != "at once", strings.Contains(w.output.String(), "not yet"))
		})
	}
}

func TestAgentTellsWhyItCannot(t *testing.T) {
	w := newWorld(t, nettest.New(t), topology.Host{Program: []string{"nosuchprogram"}})
	for _, action := range []topology.Action{topology.Start, topology.Snapshot, "dance"} {
		err := w.Do(t.Context(), topology.Step{Action: action, On: []string{"server"}})
		require.Error(t, err, action)
	}
	w.do(topology.Open)
	err := w.Do(t.Context(), topology.Step{Action: topology.Start, On: []string{"server"}})
	require.ErrorContains(t, err, "executable file not found in $PATH, which is ")
	w.do(topology.Close)
	w.do(topology.Close) // is no error
	h := w.load()
	assert.Contains(t, h.Defect(evidence.Agent), "never opened")
	assert.Equal(t, []string{"registered", "error", "error", "error", "live", "error", "stopped", "closed"}, events(h))
}

// A capture that begins too late lacks what steps did before; only a snapshot
// waits for it.
func TestAgentCapturesTooLate(t *testing.T) {
	for name, late := range map[string]time.Duration{"in time": 0, "late": 1500 * time.Millisecond, "never": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := python(t, talk+`print('{"event":"listening"}'); time.sleep(100)`)
			host.Ready.When, host.CaptureAfter = topology.ReadyEvent, late
			w := newWorld(t, nettest.New(t), host)
			w.do(topology.Open)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			require.NoError(t, w.Do(ctx, topology.Step{Action: topology.Start, On: []string{"server"}}))
			if name == "never" {
				cancel()
			}
			require.NoError(t, w.Do(ctx, topology.Step{Action: topology.Snapshot, Name: "late"}))
			w.do(topology.Close)
			h := w.load()
			assert.Contains(t, events(h), evidence.HostReady)
			syn := slices.ContainsFunc(h.Packets, func(p evidence.Packet) bool { return p.Flags == evidence.SYN })
			assert.Equal(t, late == 0, syn)
		})
	}
}
