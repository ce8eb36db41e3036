//go:build integration

// Package fourtuple holds the proof in real containers, and nothing else:
//
//	go test -tags integration .
//
// The tests make the first lab by themselves, by testcontainers-go and Docker's
// API, and read its evidence by themselves, by encoding/json and gopacket: what
// they assert does not rest on the engine, the join or the verdict under test,
// only on what the witnesses wrote down. Beside it stand controls, labs changed
// in one place, that must come out the other way. Then the Compose file is run
// by every Compose command that is installed.
//
// A test needs a Docker engine and nothing else. Where the image that the
// Dockerfiles build from can be had, they are built; where not, the images are
// made by the local Go toolchain, as by `lab images`. The log says which.
package fourtuple

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// suite is what the tests of this process share.
var suite session

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

// runTests ends the tests early, but with all their clean-up, when they are
// interrupted.
func runTests(m *testing.M) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	suite = newSession(ctx)
	status := m.Run()
	if err := suite.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(status, 1)
	}
	return status
}

// missing skips a test that this machine has not what it needs for. Where CI
// promises everything, that fails.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		require.FailNow(t, what)
	}
	t.Skip(what)
}

// The post's experiment, as docker-compose.yml has it:
//
//	home    P.0.0/24   server .10 ──┐
//	cafe    P.1.0/24   client1 .10 ─┤
//	office  P.2.0/24   client2 .10 ─┼─ router, .254 on each
//	campus  P.3.0/24   client3 .10 ─┘
func TestThreeSourcesOnePort(t *testing.T) {
	l := start(t, change{})
	for host, status := range l.wait(t) {
		assert.Zero(t, status, "the exit status of %s", host)
	}

	sockets, files := l.acceptedSockets(t), l.openFiles(t)
	seen := map[string][]conversation{
		"the server's socket table": conversations(sockets),
		"the server's open files":   conversations(files),
		"the clients' captures":     l.calls(t, "client1", "client2", "client3"),
	}
	for witness, seen := range seen {
		assert.NoError(t, threeSourcesOnePort(l.prefix, seen), witness)
		assert.ElementsMatch(t, conversations(sockets), seen, "%s against the socket table", witness)
	}
	assert.ElementsMatch(t, sockets, files, "the open files are the sockets of the table, inode by inode")
	assert.Len(t, inodes(sockets), 3, "each connection has a socket of its own")
	assert.Equal(t, []uint16{12000}, l.listeningPorts(t), "no socket listens but the one on port 12000")
	for i, place := range []string{"the cafe", "the office", "campus"} {
		l.assertMessages(t, fmt.Sprintf("client%d", i+1), "Hello from "+place, 12000)
	}

	v := l.verdict(t)
	assert.Equal(t, "holds", v.Verdict)
	assert.Len(t, v.Claims, 5)
	for _, claim := range v.Claims {
		assert.Equal(t, "holds", claim.Verdict, "%s: %s", claim.Claim, claim.Reason)
	}
	var judged []conversation
	for _, c := range v.Connections {
		judged = append(judged, conversation{c.Source, c.Destination})
	}
	assert.ElementsMatch(t, conversations(sockets), judged, "the verdict's connections")
	log := l.log(t, judge)
	assert.Contains(t, log, "verdict: holds")
	t.Log(log)
	l.assertComplete(t)
	assertOwner(t, l.file(""), os.Geteuid())
}

// What a test counts as three sources and one port can be missed.
func TestThreeSourcesOnePortCanFail(t *testing.T) {
	server := endpoint("10.14.0.10:12000")
	good := []conversation{
		{endpoint("10.14.1.10:40000"), server},
		{endpoint("10.14.2.10:40000"), server},
		{endpoint("10.14.3.10:40001"), server},
	}
	require.NoError(t, threeSourcesOnePort("10.14", good))
	for name, wrong := range map[string]conversation{
		"one source twice":    {endpoint("10.14.2.10:40002"), server},
		"the server's subnet": {endpoint("10.14.0.254:40001"), server},
		"another port":        {endpoint("10.14.3.10:40001"), endpoint("10.14.0.10:12001")},
		"another server":      {endpoint("10.14.3.10:40001"), endpoint("10.14.0.11:12000")},
	} {
		require.Error(t, threeSourcesOnePort("10.14", append(good[:2:2], wrong)), name)
	}
	require.Error(t, threeSourcesOnePort("10.14", good[:2]))
	require.Error(t, threeSourcesOnePort("10.14", append(good, good[0])))
}
