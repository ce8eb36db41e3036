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

	"github.com/fourtuple/fourtuple/internal/evidence"
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
// fails fails, one in waits waits for its context, and one in does does that.
type fake struct {
	name  string
	diary *diary
	fails map[topology.Action]error
	waits map[topology.Action]bool
	does  map[topology.Action]func()
}

func (f *fake) Do(ctx context.Context, step topology.Step) error {
	what := step.String()
	if len(step.On) == 1 && step.On[0] == f.name {
		what = strings.TrimSuffix(what, " "+f.name)
	}
	switch {
	case step.Failed != "":
		what = "fails: " + step.Failed
	case step.Action == topology.Wait && step.Number == 0:
		what = "looks"
	}
	if ctx.Err() != nil {
		what += " at once"
	}
	f.diary.note("%s %s", f.name, what)
	if do := f.does[step.Action]; do != nil {
		do()
	}
	if step.Failed != "" {
		return fmt.Errorf("step %d: %s", step.Number, step.Failed)
	}
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

func (e *fakeEngine) Version(context.Context) (string, error) { return "fake", nil }

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
			fails: make(map[topology.Action]error), waits: make(map[topology.Action]bool), does: make(map[topology.Action]func()),
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
	assert.Equal(t, []string{"open 0/3", "open 1/3", "open 2/3", "open 3/3", "start server 0/1", "start server 1/1"}, progress[:6])
}

func TestRunOfAnEngineThatCannot(t *testing.T) {
	lab, _ := chain()
	cannot := errors.New("no such image")
	assert.ErrorIs(t, Run(t.Context(), engineFunc(func() error { return cannot }), Setup{Lab: lab}, Options{}), cannot)
}

type engineFunc func() error

func (f engineFunc) Up(context.Context, Setup) (*Network, error) { return nil, f() }

func (f engineFunc) Version(context.Context) (string, error) { return "", f() }

// A run that a host says cannot be made breaks off, and everything ends.
func TestRunThatCannotBeMade(t *testing.T) {
	for _, action := range []topology.Action{topology.Open, topology.Start} {
		t.Run(string(action), func(t *testing.T) {
			lab, e := chain()
			e.hosts["server"].fails[action] = errors.New("no such program")
			e.hosts["server"].fails[topology.Close] = errors.New("only what follows from that")
			e.hosts["router"].waits[action] = true // and is not waited for
			e.down = errors.New("a bridge is left")
			lab.Steps = slices.Insert(lab.Steps, 1, topology.Step{Action: topology.Start, On: []string{"router"}})
			lab.Steps[0].On = []string{"router", "server"}
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
// snapshot is taken and later ones are not, as hosts note; programs have their time to stop.
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
			everywhere("snapshot settled")+everywhere("fails: snapshot last: it was not done: the lab's limit of 1m0s was over at once")+
			"client stop\nserver stop\n"+everywhere("close")+"down <nil>", steps(e.diary))
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

// stepped is the chain's lab with steps of its own.
func stepped(steps ...topology.Step) (*topology.Lab, *fakeEngine) {
	lab, e := chain()
	for i := range steps {
		steps[i].Number = i + 1
	}
	lab.Steps = steps
	return lab, e
}

// Each host gets its own targets, and what still runs is stopped in the end, the
// last that was started first.
func TestRunDoesSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab, e := stepped(
			topology.Step{Action: topology.Start, On: []string{"server", "server/b"}},
			topology.Step{Action: topology.Start, On: []string{"client/a", "server/c", "client"}},
			topology.Step{Action: topology.Type, On: []string{"client"}, Line: "connect"},
			topology.Step{Action: topology.Signal, On: []string{"client/a"}, Signal: "SIGSTOP"},
			topology.Step{Action: topology.Stop, On: []string{"client", "server"}},
			topology.Step{Action: topology.Cut, On: []string{"router"}, Subnets: []string{"home", "cafe"}},
			topology.Step{Action: topology.Snapshot, Name: "apart"},
			topology.Step{Action: topology.Sleep, For: time.Second},
		)
		begun := time.Now()
		require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{}))
		assert.Equal(t, time.Second, time.Since(begun))
		text := steps(e.diary)
		assert.Contains(t, text, "server start server, server/b\n")
		assert.Contains(t, text, "client start client/a, client\n")
		assert.Contains(t, text, "server start server/c\n")
		assert.Contains(t, text, "client type client: connect\nclient signal SIGSTOP client/a\n")
		assert.Contains(t, text, "router cut router: home, cafe\n"+everywhere("snapshot apart")+everywhere("sleep 1s"))
		assert.Contains(t, text, "server stop server/b\n"+everywhere("close"))
		assert.Less(t, strings.Index(text, "client stop client/a"), strings.Index(text, "server stop server/b"))
	})
}

// A step that fails ends the run: what was started is stopped, and the run is
// kept.
func TestRunEndsWithAStep(t *testing.T) {
	for _, action := range []topology.Action{topology.Type, topology.Signal, topology.Cut, topology.Mend} {
		t.Run(string(action), func(t *testing.T) {
			lab, e := stepped(
				topology.Step{Action: topology.Start, On: []string{"server"}},
				topology.Step{Action: action, On: []string{"server"}},
				topology.Step{Action: topology.Start, On: []string{"client"}},
				topology.Step{Action: topology.Snapshot, Name: "late"},
				topology.Step{Action: topology.Stop, On: []string{"client"}},
			)
			e.hosts["server"].fails[action] = errors.New("step 2: it has ended")
			var told []string
			require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{
				OnHostError: func(err error) { told = append(told, err.Error()) },
				Pause:       func(context.Context, *Network) { t.Error("paused") },
			}))
			assert.Equal(t, []string{"server: step 2: it has ended"}, told)
			assert.Equal(t, []string{"client stop", "server stop"}, e.diary.all()[6:8])
			assert.Equal(t, everywhere("close")+"down <nil>", strings.Join(strings.SplitAfter(steps(e.diary), "\n")[8:], ""))
		})
	}
}

// saying is a lab that waits until the server's program says "go", and what its
// server does when it is started.
func saying(within time.Duration, says ...string) (*fakeEngine, Setup) {
	lab, e := stepped(
		topology.Step{Action: topology.Start, On: []string{"server"}},
		topology.Step{Action: topology.Sleep, For: time.Second},
		topology.Step{Action: topology.Wait, On: []string{"server"}, Table: "program", Where: `text == "go"`, For: within},
		topology.Step{Action: topology.Snapshot, Name: "said"},
	)
	s := Setup{
		Lab: lab, Record: func(string, evidence.Witness, []byte) error { return nil },
		Watch: func(topology.Step) (func([]byte) (bool, error), error) {
			all := ""
			return func(records []byte) (bool, error) {
				if all += string(records); strings.Contains(all, "?") {
					return false, errors.New("it cannot be read")
				}
				return strings.Contains(all, "go"), nil
			}, nil
		},
	}
	var record Recorder
	e.up = func(s Setup) { record = s.Record }
	e.hosts["server"].does[topology.Start] = func() {
		go func() {
			for _, text := range says {
				_ = record("client", evidence.Program, []byte("go"))
				_ = record("server", evidence.Sockets, []byte("go"))
				if text == "none" {
					text = ""
				} else if text == "" {
					text = " "
				}
				_ = record("server", evidence.Program, []byte(text))
				time.Sleep(2 * time.Second)
			}
		}()
	}
	return e, s
}

func TestRunWaits(t *testing.T) {
	for name, test := range map[string]struct {
		within time.Duration
		says   []string
		takes  time.Duration
		failed string
		sleeps time.Duration // before the wait, 1s if 0
	}{
		"it is so already":      {says: []string{"go"}, takes: time.Second},
		"it becomes so":         {says: []string{"", "g", "o"}, takes: 4 * time.Second},
		"it is so no more":      {within: time.Second, says: []string{"go", "none"}, takes: 4 * time.Second, failed: `server.program: no row is so that text == "go" within 1s`, sleeps: 3 * time.Second},
		"it does so in time":    {within: 2 * time.Second, says: []string{"", "go"}, takes: 2 * time.Second},
		"it becomes so late":    {within: 2 * time.Second, says: []string{"", "", "go"}, takes: 3 * time.Second, failed: `server.program: no row is so that text == "go" within 2s`},
		"it never becomes so":   {says: []string{"o"}, takes: time.Minute, failed: `server.program: no row is so that text == "go": the lab's limit of 1m0s was over`},
		"nobody can tell":       {says: []string{"?", "go"}, takes: time.Second, failed: "server.program: it cannot be read"},
		"nobody can tell later": {says: []string{"", "?"}, takes: 2 * time.Second, failed: "server.program: it cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, s := saying(test.within, test.says...)
				s.Lab.Steps[1].For = max(test.sleeps, time.Second)
				var told []string
				begun := time.Now()
				require.NoError(t, Run(t.Context(), e, s, Options{OnHostError: func(err error) { told = append(told, err.Error()) }}))
				assert.Equal(t, test.takes, time.Since(begun))
				time.Sleep(10 * time.Second) // for what the program still says
				text := steps(e.diary)
				assert.Contains(t, text, everywhere(s.Lab.Steps[1].String())+"server looks\n")
				if test.failed == "" {
					assert.Contains(t, text, "server looks\nserver wait server.program: text == \"go\"\n"+everywhere("snapshot said"))
					assert.Empty(t, told)
					return
				}
				assert.Contains(t, text, "server fails: "+test.failed)
				assert.NotContains(t, text, "snapshot")
				assert.Equal(t, []string{"server: step 3: " + test.failed}, told)
			})
		})
	}
}

// A wait that nobody can tell the end of is found before anything starts.
func TestRunKnowsItsWaits(t *testing.T) {
	for want, watch := range map[string]func(topology.Step) (func([]byte) (bool, error), error){
		"step 3: nobody can tell when this is over: wait server.program": nil,
		`step 3: wait server.program: text == "go": no such column`: func(topology.Step) (func([]byte) (bool, error), error) {
			return nil, errors.New("no such column")
		},
	} {
		e, s := saying(0)
		s.Watch = watch
		require.ErrorContains(t, Run(t.Context(), e, s, Options{}), want)
		assert.Empty(t, e.diary.all())
	}
}

// Where the run is cut short before a step that is neither a start nor a
// snapshot, no snapshot is taken that would be thought to be of after it.
func TestRunTakesNoSnapshotOfWhatWasNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab, e := stepped(
			topology.Step{Action: topology.Start, On: []string{"server"}},
			topology.Step{Action: topology.Type, On: []string{"server"}, Line: "listen"},
			topology.Step{Action: topology.Snapshot, Name: "listens"},
		)
		e.hosts["server"].waits[topology.Start] = true
		require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{}))
		assert.NotContains(t, steps(e.diary), "snapshot")
		assert.Contains(t, steps(e.diary), "server fails: type server: listen: it was not done: the lab's limit of 1m0s was over")
	})
}

// A sleep that the limit ends is no sleep, as all hosts note and one says.
func TestRunSleepsToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lab, e := stepped(
			topology.Step{Action: topology.Snapshot, Name: "early"},
			topology.Step{Action: topology.Sleep, For: time.Hour},
			topology.Step{Action: topology.Snapshot, Name: "late"},
		)
		var told []error
		require.NoError(t, Run(t.Context(), e, Setup{Lab: lab}, Options{OnHostError: func(err error) { told = append(told, err) }}))
		assert.Equal(t, "up\n"+everywhere("open")+everywhere("snapshot early")+
			everywhere("fails: sleep 1h0m0s: the lab's limit of 1m0s was over at once")+everywhere("close")+"down <nil>", steps(e.diary))
		assert.Len(t, told, 1)
	})
}
