package run

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A diary notes the steps of all hosts in the order in which they were done.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) at(t *testing.T, line string) int {
	t.Helper()
	i := slices.Index(d.lines, line)
	require.GreaterOrEqual(t, i, 0, "%s is not in %v", line, d.lines)
	return i
}

// A fake is a host that notes what it is asked for.
type fake struct {
	name  string
	diary *diary
	fails map[string]error
	hangs string // this step waits for the context
}

func (f *fake) do(ctx context.Context, step string) error {
	f.diary.note(step + " " + f.name)
	if f.hangs == step {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.fails[step]
}

func (f *fake) Open(ctx context.Context) error     { return f.do(ctx, "open") }
func (f *fake) Start(ctx context.Context) error    { return f.do(ctx, "start") }
func (f *fake) Settle(ctx context.Context) error   { return f.do(ctx, "settle") }
func (f *fake) Snapshot(ctx context.Context) error { return f.do(ctx, "snapshot") }
func (f *fake) Stop(ctx context.Context) error     { return f.do(ctx, "stop") }
func (f *fake) Close(ctx context.Context) error    { return f.do(ctx, "close") }

// chain is client, which depends on server, which depends on router.
func chain() (*topology.Lab, *diary, map[string]Host) {
	lab := &topology.Lab{Hosts: []topology.Host{
		{Name: "client", DependsOn: []string{"server"}},
		{Name: "router"},
		{Name: "server", DependsOn: []string{"router"}},
	}}
	d := &diary{}
	hosts := make(map[string]Host)
	for _, h := range lab.Hosts {
		hosts[h.Name] = &fake{name: h.Name, diary: d, fails: make(map[string]error)}
	}
	return lab, d, hosts
}

func TestRunKeepsTheOrder(t *testing.T) {
	lab, d, hosts := chain()
	require.NoError(t, Run(context.Background(), lab, hosts, Options{}))
	assert.Len(t, d.lines, 18)
	order := []string{
		"start router", "settle router", "start server", "settle server", "start client", "settle client",
		"snapshot client", "stop client", "stop server", "stop router", "close router",
	}
	for i := 1; i < len(order); i++ {
		assert.Less(t, d.at(t, order[i-1]), d.at(t, order[i]), "%v", d.lines)
	}
	for _, name := range []string{"client", "router", "server"} {
		assert.Less(t, d.at(t, "open "+name), d.at(t, "start router"), "every host watches before any program starts")
		assert.Less(t, d.at(t, "stop router"), d.at(t, "close "+name), "no host closes before every program has ended")
	}
}

func TestRunGoesOnWithoutAHost(t *testing.T) {
	lab, d, hosts := chain()
	hosts["server"].(*fake).fails["open"] = errors.New("no such device")
	err := Run(context.Background(), lab, hosts, Options{})
	require.EqualError(t, err, "server: no such device")
	assert.NotContains(t, d.lines, "start server")
	for _, line := range []string{"start client", "snapshot client", "close client", "stop server", "close server"} {
		assert.Contains(t, d.lines, line)
	}
}

func TestRunJoinsErrors(t *testing.T) {
	lab, _, hosts := chain()
	hosts["server"].(*fake).fails["start"] = errors.New("one")
	hosts["server"].(*fake).fails["close"] = errors.New("only what follows from one")
	hosts["client"].(*fake).fails["start"] = errors.New("two")
	require.EqualError(t, Run(context.Background(), lab, hosts, Options{}), "server: one\nclient: two")
}

// What is lost on the way is told, and is no reason not to judge.
func TestRunTellsWhatIsLost(t *testing.T) {
	lab, _, hosts := chain()
	hosts["server"].(*fake).fails["open"] = errDead
	hosts["client"].(*fake).fails["snapshot"] = errors.New("permission denied")
	var lost []string
	require.NoError(t, Run(context.Background(), lab, hosts, Options{Lost: func(err error) { lost = append(lost, err.Error()) }}))
	assert.Equal(t, []string{"server: " + errDead.Error(), "client: permission denied"}, lost)
}

func TestRunEndsAtItsLimit(t *testing.T) {
	lab, d, hosts := chain()
	hosts["server"].(*fake).hangs = "settle"
	ctx, cancel := context.WithCancel(context.Background())
	o := Options{Progress: func(step string, _, _ int) {
		if step == "settle" && slices.Contains(d.lines, "start server") {
			cancel()
		}
	}}
	require.NoError(t, Run(ctx, lab, hosts, o), "a program that does not settle is no error")
	for _, line := range []string{"snapshot server", "stop server", "close server", "close client"} {
		assert.Contains(t, d.lines, line)
	}
}

func TestRunHoldsBetweenSnapshots(t *testing.T) {
	lab, d, hosts := chain()
	held := false
	require.NoError(t, Run(context.Background(), lab, hosts, Options{Hold: func(context.Context) {
		held = true
		d.note("hold")
	}}))
	assert.True(t, held)
	assert.Less(t, d.at(t, "settle client"), d.at(t, "hold"))
	assert.Less(t, d.at(t, "hold"), d.at(t, "stop client"))
	count := 0
	for _, line := range d.lines {
		if line == "snapshot server" {
			count++
		}
	}
	assert.Equal(t, 2, count)
}

func TestRunDoesNotHoldWhatFailed(t *testing.T) {
	lab, _, hosts := chain()
	hosts["server"].(*fake).fails["start"] = errors.New("no such program")
	require.Error(t, Run(context.Background(), lab, hosts, Options{Hold: func(context.Context) {
		assert.Fail(t, "held")
	}}))
}

func TestLevelsSurviveACircle(t *testing.T) {
	names := slices.Concat(levels([]topology.Host{
		{Name: "a", DependsOn: []string{"b"}}, {Name: "b", DependsOn: []string{"a"}}, {Name: "c"},
	})...)
	assert.ElementsMatch(t, []string{"a", "b", "c"}, names)
}
