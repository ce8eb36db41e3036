package netns

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// question is the first lab with so many clients: whether a server of one port
// gives each of them another one.
func question(clients int) *topology.Lab {
	l := star(clients)
	l.Limit = time.Minute
	server, _ := l.Host("server")
	for i := range l.Hosts {
		h := &l.Hosts[i]
		switch {
		case h.Name == "server":
			h.Program = []string{"server", "--json"}
		case strings.HasPrefix(h.Name, "client"):
			h.Program = []string{"client", "--json", "--hold", "1m", "--message", "hello from " + h.Name, "server:12000"}
			h.ExtraHosts = map[string][]netip.Addr{"server": {server.Address()}}
			h.DependsOn = []string{"server"}
			l.Clients = append(l.Clients, h.Name)
		default:
			continue
		}
		h.Ready = topology.Ready{When: topology.ReadyEvent}
	}
	l.Steps = topology.DefaultSteps(l.Hosts)
	return l
}

// runLab runs a lab by the engine, which leaves nothing, and reads its evidence.
func runLab(t *testing.T, l *topology.Lab, o run.Options) *evidence.Run {
	t.Helper()
	nettest.Root(t)
	before := remains(t)
	dir := filepath.Join(t.TempDir(), "run")
	folder, err := evidence.Create(dir, l, nil)
	require.NoError(t, err)
	setup := run.Setup{ID: folder.ID, LabHash: folder.LabHash, Lab: l, Record: folder.Append}
	require.NoError(t, run.Run(t.Context(), Engine{}, setup, o))
	require.NoError(t, folder.Close())
	// Captures close a moment after a run.
	eventually(t, func() bool { return remains(t) == before }, "nothing is left of %s", before)
	r, err := evidence.Load(dir)
	require.NoError(t, err)
	return r
}

// The whole way, from a lab as a value to its evidence.
//
//	server ── home ── router ─┬─ net1 ── client1
//	                          ├─ net2 ── client2
//	                          └─ net3 ── client3
func TestRunTheFirstLab(t *testing.T) {
	r := runLab(t, question(3), run.Options{OnHostError: func(err error) { t.Error(err) }})
	require.Empty(t, r.Defects)
	require.Empty(t, r.Orphans)
	require.Len(t, r.Hosts, 5)
	for name, h := range r.Hosts {
		require.Empty(t, h.Defects, name)
	}
	for _, name := range []string{"client1", "client2", "client3"} {
		events := r.Hosts[name].Program
		require.NotEmpty(t, events)
		require.Equal(t, "holding", events[len(events)-1].Event, "it was answered, and held the connection")
	}
}
