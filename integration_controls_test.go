//go:build integration

package fourtuple

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The judge's exit statuses.
const (
	statusHolds    = 0
	statusRefuted  = 1
	statusNotShown = 3
)

// assertVerdict asserts how the lab ended: every host by itself and well, the
// judge with that status, which is that verdict.
func (l *lab) assertVerdict(t *testing.T, statuses map[string]int, status int, outcome string) verdict {
	t.Helper()
	for host, s := range statuses {
		if host != judge {
			assert.Zero(t, s, "the exit status of %s", host)
		}
	}
	assert.Equal(t, status, statuses[judge], "the exit status of the judge")
	v := l.verdict(t)
	require.Equal(t, outcome, v.Verdict)
	t.Logf("%s:\n%s", outcome, v.reasons(outcome))
	return v
}

// A server on another port: the claims are refuted, and every witness says so.
func TestServerOnAnotherPortRefutes(t *testing.T) {
	there := "P.0.10:12001"
	l := start(t, change{
		server: []string{"--address", ":12001"},
		dials:  map[string]string{"client1": there, "client2": there, "client3": there},
	})
	v := l.assertVerdict(t, l.wait(t), statusRefuted, "refuted")
	assert.Contains(t, v.reasons("refuted"), "12001")
	for _, seen := range [][]conversation{
		conversations(l.acceptedSockets(t)), conversations(l.openFiles(t)), l.calls(t, "client1", "client2", "client3"),
	} {
		require.Len(t, seen, 3)
		require.ErrorContains(t, threeSourcesOnePort(l.prefix, seen), "12001")
	}
	assert.Equal(t, []uint16{12001}, l.listeningPorts(t))
	l.assertComplete(t)
}

// masquerade makes the router translate what it forwards to the server.
var masquerade = []string{"\n  router:\n", "\n  router:\n    x-lab: {masquerade: [home]}\n"}

// A router that masquerades: the server sees one source address, the router's,
// and the clients' captures cannot know.
func TestMasqueradingRouterRefutes(t *testing.T) {
	l := start(t, change{file: masquerade})
	v := l.assertVerdict(t, l.wait(t), statusRefuted, "refuted")
	assert.Contains(t, v.reasons("refuted"), "1 source address, "+l.address(0, 254).String())
	accepted := l.acceptedSockets(t)
	require.Len(t, accepted, 3)
	for _, c := range accepted {
		assert.Equal(t, l.address(0, 254), c.From.Addr(), "the source that the server sees")
	}
	require.NoError(t, threeSourcesOnePort(l.prefix, l.calls(t, "client1", "client2", "client3")))
	assert.FileExists(t, l.file("router.conntrack.jsonl"))
}

// A capture that began when the connection was open already shows nothing.
func TestLateCaptureShowsNothing(t *testing.T) {
	l := start(t, change{file: []string{"\n  client1:\n", "\n  client1:\n    x-lab: {capture-after: 2s}\n"}})
	v := l.assertVerdict(t, l.wait(t), statusNotShown, "not shown")
	assert.Contains(t, v.reasons("not shown"), "client.packets of client1 ")
	assert.Empty(t, v.reasons("refuted"))
	assert.Empty(t, l.calls(t, "client1"), "the capture has no SYN")
	require.NoError(t, threeSourcesOnePort(l.prefix, conversations(l.acceptedSockets(t))), "and yet it was as ever")
}

// A client that dials where nobody is: its run ends, and shows nothing.
func TestUnreachableServerShowsNothing(t *testing.T) {
	l := start(t, change{dials: map[string]string{"client3": "P.0.99:12000"}})
	v := l.assertVerdict(t, l.wait(t), statusNotShown, "not shown")
	assert.Contains(t, v.reasons("not shown"), "client3 has no connection to server")
	assert.Empty(t, v.reasons("refuted"))
	assert.Empty(t, l.calls(t, "client3"))
	assert.Len(t, l.acceptedSockets(t), 2)
	l.assertComplete(t)
}

// A server whose container never starts: the others wait for it, but not for
// ever.
func TestAbsentServerShowsNothing(t *testing.T) {
	l := start(t, change{without: "server", file: []string{"\n  port: 12000\n", "\n  port: 12000\n  limit: 10s\n"}})
	v := l.assertVerdict(t, l.wait(t), statusNotShown, "not shown")
	assert.Contains(t, v.reasons("not shown"), "server: ")
	assert.Contains(t, l.log(t, judge), "server: the host never appeared")
	assert.Empty(t, v.reasons("refuted"))
	assert.NotContains(t, fileNames(t, l.file("")), "server.host.jsonl")
}

// A host that is killed while all connections stand: the others' evidence is
// complete, and the verdict names the one whose evidence is not.
func TestKilledHostShowsNothing(t *testing.T) {
	for _, victim := range []string{"client2", "server"} {
		t.Run(victim, func(t *testing.T) {
			l := start(t, change{hold: true})
			l.waitUntilHeld(t)
			l.signal(t, victim, "SIGKILL")
			l.signal(t, judge, "SIGTERM")
			statuses := l.wait(t)
			assert.Equal(t, 128+9, statuses[victim], "the exit status of the host that was killed")
			delete(statuses, victim)
			v := l.assertVerdict(t, statuses, statusNotShown, "not shown")
			assert.Contains(t, v.reasons("not shown"), victim)
			assert.Empty(t, v.reasons("refuted"))
			assert.Equal(t, runFiles(), fileNames(t, l.file("")))
			for _, host := range slices.DeleteFunc(slices.Clone(hostNames), func(host string) bool { return host == victim }) {
				assert.Equal(t, "closed", l.lastWord(t, host), host)
			}
			assert.NotEqual(t, "closed", l.lastWord(t, victim), "the control: who was killed did not close")
		})
	}
}
