package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A diary notes what hosts did, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// all are the lines so far.
func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

// A fake is a host that notes what it is asked for. A step whose action is in
// fails fails, and one in waits waits for its context.
type fake struct {
	name  string
	diary *diary
	fails map[topology.Action]error
	waits map[topology.Action]bool
}

func (f *fake) Do(ctx context.Context, step topology.Step) error {
	what := string(step.Action)
	if step.Name != "" {
		what += " " + step.Name
	}
	if ctx.Err() != nil {
		what += " at once"
	}
	f.diary.note("%s %s", f.name, what)
	if f.waits[step.Action] {
		<-ctx.Done()
		f.diary.note("%s waited in vain: %v", f.name, context.Cause(ctx))
		return nil
	}
	return f.fails[step.Action]
}

// A fakeEngine makes hosts that are fakes.
type fakeEngine struct {
	diary *diary
	hosts map[string]*fake
	down  error
	up    func(Setup) // if set, is called by Up
}

func (e *fakeEngine) Up(_ context.Context, s Setup) (*Network, error) {
	if e.up != nil {
		e.up(s)
	}
	e.diary.note("up")
	n := &Network{Hosts: make(map[string]Host), Down: func(ctx context.Context) error {
		e.diary.note("down %v", ctx.Err())
		return e.down
	}}
	for name, h := range e.hosts {
		n.Hosts[name] = h
	}
	return n, nil
}

// chain is a client that depends on a server, and a router without a program.
func chain() (*topology.Lab, *fakeEngine) {
	lab := &topology.Lab{Name: "chain", Limit: time.Minute, Hosts: []topology.Host{
		{Name: "client", Program: []string{"client"}, DependsOn: []string{"server"}},
		{Name: "router"},
		{Name: "server", Program: []string{"server"}},
	}}
	lab.Steps = topology.DefaultSteps(lab.Hosts)
	e := &fakeEngine{diary: &diary{}, hosts: make(map[string]*fake)}
	for _, h := range lab.Hosts {
		e.hosts[h.Name] = &fake{
			name: h.Name, diary: e.diary,
			fails: make(map[topology.Action]error), waits: make(map[topology.Action]bool),
		}
	}
	return lab, e
}

// steps are the lines in an order that can be compared: what all three hosts do
// at once is noted in any order.
func steps(d *diary) string {
	lines := d.all()
	for i := range len(lines) - 2 {
		_, action, _ := strings.Cut(lines[i], " ")
		if strings.HasSuffix(lines[i+1], " "+action) && strings.HasSuffix(lines[i+2], " "+action) {
			slices.Sort(lines[i : i+3])
		}
	}
	return strings.Join(lines, "\n")
}

func everywhere(action string) string {
	return fmt.Sprintf("client %[1]s\nrouter %[1]s\nserver %[1]s\n", action)
}

func TestRunKeepsTheOrder(t *testing.T) {
	lab, e := chain()
	var progress []string
	o := Options{Progress: func(step string, done, total int) {
		progress = append(progress, fmt.Sprintf("%s %d/%d", step, done, total))
	}}
	require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, o))
	assert.Equal(t, "up\n"+everywhere("open")+"server start\nclient start\n"+everywhere("snapshot settled")+
		"client stop\nserver stop\n"+everywhere("close")+"down <nil>", steps(e.diary))
	assert.Equal(t, []string{"open 0/3", "open 1/3", "open 2/3", "open 3/3", "start 0/1", "start 1/1"}, progress[:6])
}

func TestRunOfAnEngineThatCannot(t *testing.T) {
	lab, _ := chain()
	cannot := errors.New("no such image")
	assert.ErrorIs(t, Run(t.Context(), engineFunc(func() error { return cannot }), Setup{Lab: lab}, Options{}), cannot)
}

type engineFunc func() error

func (f engineFunc) Up(context.Context, Setup) (*Network, error) { return nil, f() }

// A run that a host says cannot be made breaks off, and everything ends.
func TestRunThatCannotBeMade(t *testing.T) {
	for _, action := range []topology.Action{topology.Open, topology.Start} {
		t.Run(string(action), func(t *testing.T) {
			lab, e := chain()
			e.hosts["server"].fails[action] = errors.New("no such program")
			e.hosts["server"].fails[topology.Close] = errors.New("only what follows from that")
			e.hosts["router"].waits[action] = true // and is not waited for
			e.down = errors.New("a bridge is left")
			lab.Steps = slices.Insert(lab.Steps, 1, topology.Step{Action: topology.Start, Hosts: []string{"router"}})
			lab.Steps[0].Hosts = []string{"router", "server"}
			err := Run(t.Context(), e, Setup{Lab: lab}, Options{Pause: func(context.Context, *Network) { t.Error("paused") }})
			require.EqualError(t, err, "server: no such program\na bridge is left")
			lines := e.diary.all()
			assert.NotContains(t, lines, "client start")
			assert.NotContains(t, lines, "client snapshot settled")
			for _, line := range []string{"client stop", "client close", "server stop", "server close", "down <nil>"} {
				assert.Contains(t, lines, line)
			}
		})
	}
}

// What is lost on the way is told once, and is no reason not to go on.
func TestRunGoesOnWithoutAHost(t *testing.T) {
	lab, e := chain()
	for _, action := range []topology.Action{topology.Open, topology.Snapshot, topology.Close} {
		e.hosts["server"].fails[action] = fmt.Errorf("%w: killed", ErrDead)
	}
	e.hosts["client"].fails[topology.Snapshot] = errors.New("permission denied")
	var lost []string
	require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{OnHostError: func(err error) { lost = append(lost, err.Error()) }}))
	assert.Equal(t, []string{"server: the host is gone: killed", "client: permission denied"}, lost)
	assert.NotContains(t, e.diary.all(), "server start")
	assert.Contains(t, e.diary.all(), "client start")
}

// The lab's limit ends what is being waited for; later starts begin when it is
// over, so that the hosts note why they did not start; the next
// snapshot is taken and later ones are not; programs have their time to stop.
func TestRunEndsAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab, e := chain()
		e.hosts["server"].waits[topology.Start] = true
		last := topology.Step{Action: topology.Snapshot, Name: "last"}
		lab.Steps = slices.Insert(lab.Steps, len(lab.Steps)-2, last)
		begun := time.Now()
		require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{Pause: func(context.Context, *Network) { t.Error("paused") }}))
		assert.Equal(t, time.Minute, time.Since(begun))
		assert.Equal(t, "up\n"+everywhere("open")+"server start\nserver waited in vain: the lab's limit of 1m0s was over\nclient start at once\n"+
			everywhere("snapshot settled")+"client stop\nserver stop\n"+everywhere("close")+"down <nil>", steps(e.diary))
	})
}

// A host whose container is told to stop ends what all wait for, and the pause.
func TestRunIsCutShortByAHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab, e := chain()
		e.hosts["server"].waits[topology.Start] = true
		e.up = func(s Setup) {
			time.AfterFunc(time.Second, func() { s.leaving(errors.New("router: told to stop")) })
		}
		require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{}))
		assert.Equal(t, "up\n"+everywhere("open")+"server start\nserver waited in vain: router: told to stop\nclient start at once\n"+
			everywhere("snapshot settled")+"client stop\nserver stop\n"+everywhere("close")+"down <nil>", steps(e.diary))
	})
	lab, e := chain()
	var leaving func(error)
	e.up = func(s Setup) { leaving = s.leaving }
	require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{Pause: func(ctx context.Context, _ *Network) {
		leaving(errors.New("router: told to stop"))
		<-ctx.Done()
	}}))
}

// The context's end ends the same, and hosts do the rest without waiting.
func TestRunIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab, e := chain()
		e.hosts["server"].waits[topology.Start] = true
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begun := time.Now()
		require.NoError(t, Run(ctx, e, Setup{Lab: lab}, Options{}))
		assert.Equal(t, time.Second, time.Since(begun))
		assert.Equal(t, "up\n"+everywhere("open")+"server start\nserver waited in vain: context canceled\nclient start at once\n"+
			everywhere("snapshot settled at once")+"client stop at once\nserver stop at once\n"+everywhere("close at once")+
			"down <nil>", steps(e.diary))
	})
}

// A program has its grace to stop, and no host keeps a run from ending.
func TestRunBoundsItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab, e := chain()
		lab.Hosts[2].StopGrace = time.Minute
		e.hosts["server"].waits[topology.Stop] = true
		begun := time.Now()
		require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{}))
		assert.Equal(t, time.Minute+ShutdownTimeout, time.Since(begun))
		assert.Contains(t, e.diary.all(), "server waited in vain: stop took longer than 1m15s")
	})
}

// The lab stays up while it pauses, at its last snapshot, and the end of the
// context is only the end of the pause.
func TestRunPauses(t *testing.T) {
	lab, e := chain()
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, Run(ctx, e, Setup{Lab: lab}, Options{Pause: func(_ context.Context, n *Network) {
		assert.Len(t, n.Hosts, 3)
		e.diary.note("pause")
		cancel()
	}}))
	assert.Contains(t, steps(e.diary), everywhere("snapshot settled")+"pause\n"+everywhere("snapshot settled")+"client stop\n")
}

// What cannot be undone costs nothing of the evidence, but is told.
func TestRunThatIsNotUndone(t *testing.T) {
	lab, e := chain()
	e.down = errors.New("the network is in use")
	var told []error
	require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{OnHostError: func(err error) { told = append(told, err) }}))
	require.Len(t, told, 1)
	require.ErrorIs(t, told[0], e.down)
	require.ErrorIs(t, Run(t.Context(), e, Setup{Lab: lab}, Options{}), e.down, "where nobody is to be told")
}
