package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// on is a step on programs of the server.
func on(number int, action topology.Action, targets ...string) topology.Step {
	return topology.Step{Number: number, Action: action, On: targets}
}

// lines are the lines of text that a program printed.
func lines(h *evidence.Host, program string) (printed []string) {
	for _, e := range h.Program {
		if e.Event == evidence.EventLine && e.Program == program {
			printed = append(printed, e.Text)
		}
	}
	return printed
}

// slowly is a namespace in which programs run for a while before Start returns.
type slowly struct{ Namespace }

func (n slowly) Start(ctx context.Context, p Program) (Process, error) {
	process, err := n.Namespace.Start(ctx, p)
	time.Sleep(500 * time.Millisecond)
	return process, err
}

// While a second program is started, no dump has its socket without its files.
func TestAgentDumpsNoProgramThatIsBeingStarted(t *testing.T) {
	host := shell("exec sleep 100")
	host.Ready.When = topology.ReadyStarted
	listens := python(t, `s = socket.create_server(("127.0.0.1", 12000)); time.sleep(100)`)
	host.Programs = []topology.Program{{Name: "other", Args: listens.Program, Ready: topology.Ready{When: topology.ReadySocket}}}
	w := newWorld(t, nettest.New(t), host)
	w.Namespace = slowly{w.Namespace}
	w.do(topology.Open)
	w.step(on(1, topology.Start, "server", "server/other"))
	w.do(topology.Snapshot)
	w.do(topology.Close)
	h := w.load()
	require.NotEmpty(t, h.Sockets)
	for _, s := range h.Sockets {
		assert.True(t, slices.ContainsFunc(h.Files, func(f evidence.File) bool {
			return f.Snapshot == s.Snapshot && f.Inode == s.Inode
		}), "dump %d has the socket, and no such file", s.Snapshot)
	}
}

// Several programs of a host are told apart in all that is recorded, and one
// that has ended is started again.
func TestAgentRunsPrograms(t *testing.T) {
	host := shell(`echo command; exec sleep 100`)
	host.Ready.When = topology.ReadyStarted
	host.Programs = []topology.Program{
		{Name: "once", Args: []string{"sh", "-c", "read line; echo got $line; exit 3"}, Ready: topology.Ready{When: topology.ReadyStarted}},
		{Name: "other", Args: []string{"sleep", "100"}, Ready: topology.Ready{When: topology.ReadyStarted}},
	}
	w := newWorld(t, nettest.New(t), host)
	w.do(topology.Open)
	w.step(on(1, topology.Start, "server", "server/once", "server/other"))
	err := w.Do(t.Context(), on(2, topology.Start, "server/once"))
	require.EqualError(t, err, "server/once runs already")
	for i, line := range []string{"one", "two"} {
		if i > 0 {
			w.step(on(3, topology.Start, "server/once"))
		}
		w.step(topology.Step{Number: 2, Action: topology.Type, On: []string{"server/once"}, Line: line})
		<-w.started("once").ended
	}
	err = w.Do(t.Context(), topology.Step{Number: 5, Action: topology.Type, On: []string{"server/once"}, Line: "three"})
	require.EqualError(t, err, "step 5: type server/once: three: server/once has ended")
	err = w.Do(t.Context(), topology.Step{Number: 6, Action: topology.Signal, On: []string{"server/none"}, Signal: "SIGINT"})
	require.EqualError(t, err, "step 6: signal SIGINT server/none: server/none was not started")
	err = w.Do(t.Context(), on(7, topology.Start, "server/none"))
	require.EqualError(t, err, "there is no program server/none")
	w.do(topology.Snapshot)
	w.step(on(8, topology.Stop, "server", "server/once", "server/none"))
	assert.False(t, w.started("other").hasEnded())
	w.do(topology.Close)

	h := w.load()
	assert.Equal(t, []string{"command"}, lines(h, ""))
	assert.Equal(t, []string{"got one", "got two"}, lines(h, "once"))
	var started, ended []string
	pids := make(map[int]string)
	for _, e := range h.Events {
		switch e.Event {
		case evidence.HostStarted:
			started = append(started, e.Program)
			pids[e.PID] = e.Program
		case evidence.HostReady:
			assert.Equal(t, pids[e.PID], e.Program)
		case evidence.HostExited:
			ended = append(ended, fmt.Sprint(e.Program, *e.Status))
			assert.Equal(t, pids[e.PID], e.Program)
		case evidence.HostStopped:
			assert.Len(t, ended, 4, "that is told when all have ended")
		}
	}
	assert.Equal(t, []string{"", "once", "other", "once"}, started)
	assert.Equal(t, []string{"once3", "once3", "143", "other143"}, ended)
	for _, e := range h.Program {
		assert.Equal(t, pids[e.PID], e.Program)
	}
	var have []string
	for _, f := range h.Files {
		if f.Snapshot == event(t, h, evidence.HostSnapshot).Snapshot && !slices.Contains(have, f.Program) {
			have = append(have, f.Program)
			assert.Equal(t, pids[f.PID], f.Program)
		}
	}
	assert.Equal(t, []string{"", "other"}, have, "those that run")
}

// prompt is a program that answers lines as lab socket does, by a script.
func prompt(t *testing.T) topology.Host {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	require.NoError(t, os.WriteFile(path, []byte(`#!/bin/sh
echo '{"event":"prompt"}'
while read line; do
	case $line in
	bad) echo '{"event":"answer","typed":"bad","error":"there is no call bad"}' ;;
	quiet) ;;
	quit) exit ;;
	last) echo '{"event":"answer","typed":"last","call":"close"}'; exit ;;
	*) echo '{"event":"call","call":"socket"}'; echo "{\"event\":\"answer\",\"typed\":\"$line\",\"call\":\"listen\",\"errno\":\"EADDRINUSE\",\"result\":-1}" ;;
	esac
done`), 0o755))
	return topology.Host{Program: []string{path}, Ready: topology.Ready{When: topology.ReadyEvent}}
}

func TestAgentTypesToAPrompt(t *testing.T) {
	for line, want := range map[string]string{
		"listen 12000": "",
		"last":         "",
		"bad":          "there is no call bad",
		"quit":         "it ended and did not answer",
		"quiet":        "it did not answer: the limit was over",
	} {
		t.Run(line, func(t *testing.T) {
			w := newWorld(t, nettest.New(t), prompt(t))
			w.do(topology.Open)
			w.step(on(1, topology.Start, "server"))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if line == "quiet" {
				over, cancel := context.WithTimeoutCause(ctx, 50*time.Millisecond, errors.New("the limit was over"))
				defer cancel()
				ctx = over
			}
			err := w.Do(ctx, topology.Step{Number: 2, Action: topology.Type, On: []string{"server"}, Line: line})
			w.do(topology.Close)
			h := w.load()
			if want != "" {
				require.EqualError(t, err, "step 2: type server: "+line+": "+want)
				assert.Equal(t, err.Error(), event(t, h, evidence.HostFailed).Error)
				return
			}
			require.NoError(t, err)
			step := h.Events[slices.IndexFunc(h.Events, func(e evidence.HostEvent) bool { return e.Step == 2 })]
			require.NotNil(t, step.Answer)
			assert.Equal(t, event(t, h, evidence.HostStarted).PID, step.Answer.PID)
			if line == "listen 12000" {
				assert.Equal(t, line, step.Answer.Typed)
				assert.Equal(t, evidence.Answer{Call: "listen", Errno: "EADDRINUSE", Result: -1}, step.Answer.Answer)
			}
		})
	}
}

// A program that does not read is no reason to wait for ever.
func TestAgentTypesToWhoDoesNotRead(t *testing.T) {
	host := shell("exec sleep 100")
	host.Ready.When = topology.ReadyStarted
	w := newWorld(t, nettest.New(t), host)
	w.do(topology.Open)
	w.step(on(1, topology.Start, "server"))
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("the limit was over"))
	defer cancel()
	err := w.Do(ctx, topology.Step{Number: 2, Action: topology.Type, On: []string{"server"}, Line: strings.Repeat("x", 1<<20)})
	require.ErrorContains(t, err, "it did not read its input: the limit was over")
	w.do(topology.Close)
	w.load()
}

// A program that a signal stopped ends when it is asked to all the same.
func TestAgentSignals(t *testing.T) {
	host := shell(`trap "echo usr1" USR1; trap "echo term; exit 0" TERM; echo '{"event":"listening"}'; while :; do sleep 0.01; done`)
	host.Ready.When = topology.ReadyEvent
	w := newWorld(t, nettest.New(t), host)
	w.do(topology.Open)
	w.step(on(1, topology.Start, "server"))
	signal := func(name string) error {
		return w.Do(t.Context(), topology.Step{Number: 2, Action: topology.Signal, On: []string{"server"}, Signal: name})
	}
	require.NoError(t, signal("SIGUSR1"))
	require.ErrorContains(t, signal("SIGNONSENSE"), "there is no such signal")
	require.NoError(t, signal("SIGSTOP"))
	status := func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.started("").PID()))
		require.NoError(t, err)
		return strings.Fields(string(text))[2]
	}
	require.Eventually(t, func() bool { return status() == "T" }, 10*time.Second, time.Millisecond)
	w.step(on(3, topology.Stop, "server"))
	w.do(topology.Close)
	h := w.load()
	assert.Equal(t, []string{"usr1", "term"}, lines(h, ""))
	assert.Zero(t, *event(t, h, evidence.HostExited).Status)
}

// A router that is cut forwards nothing between two of its subnets, by either
// family, and tracks no connections for it.
//
//	client 10.12.1.10 ── .254 router .254 ── 10.12.0.10 server
//	       fd12:1::10                        fd12::10
func TestAgentCutsAndMends(t *testing.T) {
	client, router, server := nettest.New(t), nettest.New(t), nettest.New(t)
	cafe, clients := nettest.Connect(t, router, client, "10.12.1.254/24", "10.12.1.10/24")
	home, servers := nettest.Connect(t, router, server, "10.12.0.254/24", "10.12.0.10/24")
	router.AddAddress(t, cafe, "fd12:1::fe/64")
	router.AddAddress(t, home, "fd12::fe/64")
	client.AddAddress(t, clients, "fd12:1::10/64")
	server.AddAddress(t, servers, "fd12::10/64")
	router.Output(t, "sysctl", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	for ns, gateways := range map[*nettest.Namespace][2]string{client: {"10.12.1.254", "fd12:1::fe"}, server: {"10.12.0.254", "fd12::fe"}} {
		ns.Output(t, "ip", "route", "add", "default", "via", gateways[0])
		ns.Output(t, "ip", "-6", "route", "add", "default", "via", gateways[1])
	}
	w := newWorld(t, router, topology.Host{Forwards: true, Links: []topology.Link{
		{Subnet: "cafe", Address: netip.MustParsePrefix("10.12.1.254/24"), Address6: netip.MustParsePrefix("fd12:1::fe/64")},
		{Subnet: "home", Address: netip.MustParsePrefix("10.12.0.254/24"), Address6: netip.MustParsePrefix("fd12::fe/64")},
	}})
	w.do(topology.Open)
	server.Do(t, func() {
		for _, address := range []string{"10.12.0.10:12000", "[fd12::10]:12000"} {
			listener, err := net.Listen("tcp", address)
			require.NoError(t, err)
			t.Cleanup(func() { listener.Close() })
		}
	})
	reaches := func() (all []bool) {
		client.Do(t, func() {
			for _, address := range []string{"10.12.0.10:12000", "[fd12::10]:12000"} {
				c, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
				if err == nil {
					c.Close()
				}
				all = append(all, err == nil)
			}
		})
		return all
	}
	step := func(action topology.Action, subnets ...string) topology.Step {
		return topology.Step{Number: 1, Action: action, On: []string{"server"}, Subnets: subnets}
	}
	// Link-local addresses have to be found free first.
	require.Eventually(t, func() bool { return slices.Equal([]bool{true, true}, reaches()) }, 10*time.Second, time.Millisecond)
	w.step(step(topology.Cut, "home", "cafe"))
	assert.Equal(t, []bool{false, false}, reaches())
	assert.Equal(t, "0", strings.TrimSpace(router.Output(t, "sysctl", "-n", "net.netfilter.nf_conntrack_count")))
	require.ErrorContains(t, w.Do(t.Context(), step(topology.Cut, "cafe", "home")), "cut server: cafe, home: they are cut off already")
	w.step(step(topology.Mend, "cafe", "home"))
	require.Eventually(t, func() bool { return slices.Equal([]bool{true, true}, reaches()) }, 10*time.Second, time.Millisecond)
	require.ErrorContains(t, w.Do(t.Context(), step(topology.Mend, "cafe", "home")), "they are not cut off")
	require.ErrorContains(t, w.Do(t.Context(), step(topology.Cut, "cafe", "moon")), "it is not on moon")
	w.do(topology.Close)
	w.load()
}

// What the coordinator says of a step that it did is noted.
func TestAgentNotesTheCoordinatorsSteps(t *testing.T) {
	w := newWorld(t, nettest.New(t), topology.Host{})
	w.do(topology.Open)
	w.step(topology.Step{Action: topology.Wait, On: []string{"server"}}) // only looks
	w.step(topology.Step{Number: 1, Action: topology.Sleep})
	err := w.Do(t.Context(), topology.Step{Number: 2, Action: topology.Wait, On: []string{"server"}, Failed: "no row is so"})
	require.EqualError(t, err, "step 2: no row is so")
	w.do(topology.Close)
	h := w.load()
	assert.Equal(t, []string{"registered", "live", "step", "error", "stopped", "closed"}, events(h))
	assert.Equal(t, "step 2: no row is so", event(t, h, evidence.HostFailed).Error)
	var kernel syscall.Utsname
	require.NoError(t, syscall.Uname(&kernel))
	assert.NotEmpty(t, h.Events[0].Kernel)
}

// A program is ready by a socket of its own, whatever others of its host have.
func TestReadinessByOwnSockets(t *testing.T) {
	host := python(t, `s = socket.create_server(("127.0.0.1", 12000)); time.sleep(100)`)
	ns := nettest.New(t)
	host.Programs = []topology.Program{
		{Name: "child", Args: []string{"sh", "-c", `python3 -c 'import socket, time; s = socket.create_server(("::1", 12000), family=socket.AF_INET6); time.sleep(100)' & wait`}},
		{Name: "udp", Args: []string{"python3", "-c", `import socket, time; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::1", 5300)); time.sleep(100)`}},
		{Name: "silent", Args: []string{"python3", "-c", `import socket, time; time.sleep(100)`}},
	}
	w := newWorld(t, ns, host)
	w.do(topology.Open)
	w.step(on(1, topology.Start, "server", "server/child", "server/udp"))
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("the limit was over"))
	defer cancel()
	require.NoError(t, w.Do(ctx, on(2, topology.Start, "server/silent")))
	w.do(topology.Close)
	h := w.load()
	var ready []string
	for _, e := range h.Events {
		if e.Event == evidence.HostReady {
			ready = append(ready, e.Program)
		}
	}
	assert.Equal(t, []string{"", "child", "udp"}, ready)
	not := event(t, h, evidence.HostNotReady)
	assert.Equal(t, "silent", not.Program)
	assert.Contains(t, not.Error, "a socket of the program that listens or is connected: the limit was over")
}

// Tables on which bytes stay where they are are taken as they are.
func TestSnapshotOfWhatStays(t *testing.T) {
	w := newWorld(t, nettest.New(t), python(t, talk+`print('{"event":"listening"}'); time.sleep(100)`))
	w.Host.Ready.When = topology.ReadyEvent
	w.do(topology.Open)
	w.do(topology.Start)
	before, number, err := w.tables.attempt(dump{}, false, false)
	require.NoError(t, err)
	require.Zero(t, number)
	_, number, err = w.tables.attempt(before, false, false)
	require.NoError(t, err)
	assert.Zero(t, number, "it may be read any moment")
	_, number, err = w.tables.attempt(dump{}, true, false)
	require.NoError(t, err)
	assert.Zero(t, number, "it has changed")
	_, number, err = w.tables.attempt(before, true, false)
	require.NoError(t, err)
	assert.NotZero(t, number)
	w.do(topology.Snapshot)
	w.do(topology.Close)
	assert.False(t, event(t, w.load(), evidence.HostSnapshot).Idle)
}
