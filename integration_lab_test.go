//go:build integration

package fourtuple

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
)

// judge is the container that conducts and judges.
const judge = "judge"

var (
	hostNames = []string{"client1", "client2", "client3", "router", "server"}
	subnets   = []string{"home", "cafe", "office", "campus"} // the third bytes are 0 to 3
)

// A change is where a lab differs from the first lab.
type change struct {
	// file edits the lab's file: old texts and new ones, by turns.
	file []string
	// server and dials are the server's arguments, and the endpoint that each
	// client dials, where they are others; P stands for the prefix.
	server []string
	dials  map[string]string
	// without is a host whose container is not started.
	without string
	// hold keeps the lab up until the judge is told to go on.
	hold bool
	// owner owns the folder that the run is in; 0 for the user of the tests.
	owner int
}

// A lab is made of containers.
type lab struct {
	engine *engine
	id     string
	prefix string // the first two bytes of its addresses
	runs   string // the folder that is mounted at /runs
	change change
	// containers are by host, and judge.
	containers map[string]testcontainers.Container
}

// start makes a lab and starts all of it. What it makes is removed when the
// test ends.
func start(t *testing.T, c change) *lab {
	t.Helper()
	l := &lab{engine: suite.docker(t), id: suite.newID(), runs: t.ArtifactDir(), change: c, containers: make(map[string]testcontainers.Container)}
	if c.owner != 0 {
		require.NoError(t, os.Chown(l.runs, c.owner, c.owner))
	}
	l.engine.leaveNothing(t, labLabel, l.id)
	ctx := suite.within(t, 2*time.Minute)
	l.makeSubnets(t, ctx)
	l.writeLab(t)
	for _, host := range hostNames {
		if host != c.without {
			l.makeHost(t, ctx, host)
		}
	}
	l.makeJudge(t, ctx)
	t.Cleanup(func() { l.tellFailure(t) })
	for name, c := range l.containers {
		require.NoError(t, c.Start(ctx), "start %s", name)
	}
	return l
}

// newID is a name that no other lab on the engine has.
func (s *session) newID() string { return fmt.Sprintf("%s-%06x", s.id, rand.IntN(1<<24)) }

func (l *lab) name(part string) string { return "fourtuple-test-" + l.id + "-" + part }

func (l *lab) labels() map[string]string {
	labels := testcontainers.GenericLabels() // what the reaper looks for
	labels[sessionLabel], labels[labLabel] = suite.id, l.id
	return labels
}

// file is a file of the run.
func (l *lab) file(name string) string { return filepath.Join(l.runs, "compose", name) }

// address is a host's address on a subnet.
func (l *lab) address(subnet, last int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("%s.%d.%d", l.prefix, subnet, last))
}

// makeSubnets makes the networks under a prefix that nobody uses. Somebody else
// may take it meanwhile; then the next one will do.
func (l *lab) makeSubnets(t *testing.T, ctx context.Context) {
	t.Helper()
	for {
		l.prefix = l.engine.freePrefix(t, ctx)
		err := l.makeSubnetsThere(ctx)
		if err == nil {
			return
		}
		require.ErrorContains(t, err, "overlap")
		require.NoError(t, l.engine.sweep(ctx, labLabel, l.id))
	}
}

// makeSubnetsThere uses the Docker client: testcontainers passes no options to
// a network's driver, and without these two Docker drops or rewrites what the
// router forwards.
func (l *lab) makeSubnetsThere(ctx context.Context) error {
	for i, subnet := range subnets {
		_, err := l.engine.cli.NetworkCreate(ctx, l.name(subnet), client.NetworkCreateOptions{
			Driver: "bridge",
			IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.PrefixFrom(l.address(i, 0), 24)}}},
			Options: map[string]string{
				"com.docker.network.bridge.gateway_mode_ipv4":    "routed",
				"com.docker.network.bridge.enable_ip_masquerade": "false",
			},
			Labels: l.labels(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// freePrefix finds the first two bytes of addresses that no network of Docker's
// has, and no interface of this machine. Where it begins to look is chance, so
// that tests that run side by side do not meet.
func (e *engine) freePrefix(t *testing.T, ctx context.Context) string {
	t.Helper()
	networks, err := e.cli.NetworkList(ctx, client.NetworkListOptions{})
	require.NoError(t, err)
	var taken []netip.Prefix
	for _, n := range networks.Items {
		for _, c := range n.IPAM.Config {
			taken = append(taken, c.Subnet)
		}
	}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		taken = append(taken, netip.MustParsePrefix(a.String()).Masked())
	}
	const first, count = 14, 200
	begin := rand.IntN(count)
	for i := range count {
		second := first + (begin+i)%count
		lab := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second)}), 16)
		if !slices.ContainsFunc(taken, func(p netip.Prefix) bool { return p.IsValid() && p.Overlaps(lab) }) {
			return fmt.Sprintf("10.%d", second)
		}
	}
	require.FailNow(t, "no prefix is free")
	return ""
}

// writeLab writes the lab's file: the first lab's, changed.
func (l *lab) writeLab(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile("docker-compose.yml")
	require.NoError(t, err)
	text := edited(t, string(data), l.change.file...)
	require.NoError(t, os.WriteFile(l.labFile(), []byte(text), 0o644))
}

// edited replaces old texts by new ones, which are given by turns.
func edited(t *testing.T, text string, edits ...string) string {
	t.Helper()
	for edit := range slices.Chunk(edits, 2) {
		require.Contains(t, text, edit[0], "there is nothing to edit")
		text = strings.Replace(text, edit[0], edit[1], 1)
	}
	return text
}

func (l *lab) labFile() string { return filepath.Join(l.runs, "docker-compose.yml") }

// runWithin bounds a run of a lab: its own limit is one minute.
const runWithin = 100 * time.Second

// wait waits until every container has ended by itself, and returns their exit
// statuses.
func (l *lab) wait(t *testing.T) map[string]int {
	t.Helper()
	ctx := suite.within(t, runWithin)
	statuses := make(map[string]int)
	for name, c := range l.containers {
		ended := l.engine.cli.ContainerWait(ctx, c.GetContainerID(), client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
		select {
		case response := <-ended.Result:
			require.Nil(t, response.Error, name)
			statuses[name] = int(response.StatusCode)
		case err := <-ended.Error:
			require.NoError(t, err, "wait for the end of %s", name)
		}
	}
	return statuses
}

// waitUntilHeld waits until every host has taken its last look: the lab is up,
// and every connection open.
func (l *lab) waitUntilHeld(t *testing.T) {
	t.Helper()
	ctx := suite.within(t, runWithin)
	for _, host := range hostNames {
		for !l.has(host, "snapshot") {
			select {
			case <-ctx.Done():
				require.FailNow(t, "the lab was never held", "%s took no last look", host)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// has tells whether the host's account has the event.
func (l *lab) has(host, event string) bool {
	data, err := os.ReadFile(l.file(host + ".host.jsonl"))
	if err != nil {
		return false // not yet
	}
	for line := range strings.Lines(string(data)) {
		var e struct{ Event string }
		if json.Unmarshal([]byte(line), &e) == nil && e.Event == event {
			return true
		}
	}
	return false
}

// signal sends a signal to the first process of a container.
func (l *lab) signal(t *testing.T, part, signal string) {
	t.Helper()
	_, err := l.engine.cli.ContainerKill(suite.within(t, 30*time.Second), l.containers[part].GetContainerID(), client.ContainerKillOptions{Signal: signal})
	require.NoError(t, err, "send %s to %s", signal, part)
}

// log is what a container printed.
func (l *lab) log(t *testing.T, part string) string {
	t.Helper()
	// Not the session's context: what is asked after an interrupt is told, too.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	logs, err := l.containers[part].Logs(ctx)
	require.NoError(t, err)
	defer logs.Close()
	text, err := io.ReadAll(logs)
	require.NoError(t, err)
	return string(text)
}

// tellFailure shows what the containers of a failed test printed.
func (l *lab) tellFailure(t *testing.T) {
	if !t.Failed() {
		return
	}
	for name := range l.containers {
		t.Logf("%s printed:\n%s", name, l.log(t, name))
	}
}
