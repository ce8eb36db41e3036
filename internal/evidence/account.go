package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// An account is what a host's agent tells of its work, as far as it is what an
// agent of this run of this lab tells.
type account struct {
	run   *Run
	host  *topology.Host
	is    *Host
	count map[string]int // by event
	last  int            // snapshot's number

	// steps are the lab's that are done on the host; done counts those that are
	// behind it, told are the events of those that it did, by their numbers.
	steps []*topology.Step
	done  int
	told  map[int]*HostEvent
	// snapshots are, for each step and behind the last, the next that is one.
	snapshots []int
	// failed is the step that ended the run, as the host has it, failure what it
	// says of it.
	failed  int
	failure string
	// programs are by their names.
	programs map[string]*life
	// names are of the snapshots since the last step.
	names []string

	registered time.Time
	closed     time.Time // zero for a host that did not close
	interfaces []Interface
	seals      map[Witness]Seal
	// foreign says why nothing of this host belongs to the run.
	foreign string
	// unsealed says why a host that did not close its files did not.
	unsealed string
}

// A life is what the agent tells of one program.
type life struct {
	// process is its number in Host.Processes, -1 before the first.
	process int
	// running says that it was started and has not ended, answered that the agent
	// told whether it was ready, fresh that it did so since the last step.
	running, answered, fresh bool
}

func newAccount(r *Run, lab *topology.Host, h *Host) *account {
	a := &account{
		run: r, host: lab, is: h,
		count: make(map[string]int), told: make(map[int]*HostEvent), programs: make(map[string]*life),
	}
	for i := range r.Lab.Steps {
		if s := &r.Lab.Steps[i]; doneOn(s, lab.Name) {
			a.steps = append(a.steps, s)
		}
	}
	a.snapshots = make([]int, len(a.steps)+1)
	a.snapshots[len(a.steps)] = -1
	for n := len(a.steps) - 1; n >= 0; n-- {
		if a.snapshots[n] = a.snapshots[n+1]; a.steps[n].Action == topology.Snapshot {
			a.snapshots[n] = n
		}
	}
	return a
}

// stages are the events of a host's life: the event that must have come before,
// and whether it may come again.
var stages = map[string]struct {
	after string
	again bool
}{
	HostRegistered: {},
	HostLive:       {after: HostRegistered},
	HostStarted:    {after: HostLive, again: true},
	HostReady:      {after: HostStarted, again: true},
	HostNotReady:   {after: HostLive, again: true},
	HostSnapshot:   {after: HostLive, again: true},
	HostStep:       {after: HostLive, again: true},
	HostExited:     {after: HostStarted, again: true},
	HostStopped:    {after: HostLive},
	HostFailed:     {again: true},
	HostClosed:     {after: HostLive},
	HostLost:       {},
}

// check checks the events of a host's account, and returns the first thing that
// is wrong with them; readErr is why they are not all, if they are not.
func (a *account) check(events []HostEvent, readErr error) error {
	var first error
	for i := range events {
		e := &events[i]
		if err := cmp.Or(a.order(e, i == 0), a.take(e)); err != nil && first == nil {
			first = fmt.Errorf("%s:%d: %w", FileName(a.host.Name, Agent), e.Line, err)
		}
		a.count[e.Event]++
	}
	first = cmp.Or(first, readErr)
	if a.count[HostRegistered] == 0 {
		a.foreign = fmt.Sprintf("%s does not say which run it is of", FileName(a.host.Name, Agent))
	}
	if a.count[HostClosed] == 0 && a.unsealed == "" {
		a.unsealed = a.host.Name + " did not live to close its files"
		if first != nil {
			a.unsealed = first.Error()
		}
	}
	if a.unsealed != "" {
		return cmp.Or(first, errors.New(a.unsealed))
	}
	return cmp.Or(first, a.whole())
}

// order checks that an event may come here.
func (a *account) order(e *HostEvent, first bool) error {
	stage, known := stages[e.Event]
	switch {
	case !known:
		return fmt.Errorf("there is no event %q", e.Event)
	case a.count[HostClosed]+a.count[HostLost] > 0:
		return fmt.Errorf("%q after the end", e.Event)
	case first != (e.Event == HostRegistered) && e.Event != HostLost:
		return fmt.Errorf("%q, and an account begins with %q and has it once", e.Event, HostRegistered)
	case stage.after != "" && a.count[stage.after] == 0:
		return fmt.Errorf("%q without %q before", e.Event, stage.after)
	case !stage.again && a.count[e.Event] > 0:
		return fmt.Errorf("%q a second time", e.Event)
	}
	return nil
}

// take checks and keeps what an event says.
func (a *account) take(e *HostEvent) error {
	switch e.Event {
	case HostRegistered:
		a.registered = e.Time
		return a.belongs(e)
	case HostLive:
		a.interfaces, a.last = e.Interfaces, e.Snapshot
		if e.Snapshot < 1 {
			return fmt.Errorf("there is no snapshot %d", e.Snapshot)
		}
		return cmp.Or(numbered(e.Interfaces), CheckInterfaces(e.Interfaces, a.host.Links))
	case HostStarted, HostReady, HostNotReady, HostExited:
		return a.takeProgram(e)
	case HostSnapshot:
		if e.Snapshot <= a.last {
			return fmt.Errorf("snapshot %d comes after snapshot %d", e.Snapshot, a.last)
		}
		a.last, a.is.Snapshots[e.Name], a.is.snapshot = e.Snapshot, e.Snapshot, e.Time
		// A run that pauses takes the last snapshot once more.
		if !a.takes(a.snapshots[a.done], e.Name) && !a.takes(a.done-1, e.Name) {
			return fmt.Errorf("a snapshot %q that no step asks for here", e.Name)
		}
		a.names = append(a.names, e.Name)
	case HostStep:
		return a.takeStep(e)
	case HostFailed:
		if n := failedStep(e.Error); n > 0 && a.failed == 0 {
			a.failed, a.failure = n, e.Error
			return nil
		}
		return fmt.Errorf("%s says: %s", a.host.Name, e.Error)
	case HostLost:
		a.unsealed = fmt.Sprintf("%s ended early: %s", a.host.Name, e.Error)
	case HostStopped:
		for _, name := range slices.Sorted(maps.Keys(a.programs)) {
			if a.programs[name].running {
				return fmt.Errorf("%q, and %s has not ended", e.Event, named(name))
			}
		}
	case HostClosed:
		a.closed = e.Time
		return a.takeSeals(e.Seals)
	}
	return nil
}

// named is a program of a host in words.
func named(program string) string {
	if program == "" {
		return "the host's command"
	}
	return fmt.Sprintf("the program %q", program)
}

// takeProgram checks and keeps what an event says of a program.
func (a *account) takeProgram(e *HostEvent) error {
	args, _ := a.host.Arguments(e.Program)
	if len(args) == 0 {
		return fmt.Errorf("%q of %s, and the lab has no such program there", e.Event, named(e.Program))
	}
	p := a.programs[e.Program]
	if p == nil {
		p = &life{process: -1, answered: true}
		a.programs[e.Program] = p
	}
	switch e.Event {
	case HostStarted:
		wanted := a.count[HostStopped] == 0 && a.asks(topology.Start, e.Program)
		running := p.running
		p.process, p.running, p.answered, p.fresh = len(a.is.Processes), true, false, false
		a.is.Processes = append(a.is.Processes, Process{Program: e.Program, PID: e.PID, Started: e.Time})
		a.is.ran[programID{e.Program, e.PID}] = true
		switch {
		case e.PID < 1 || !slices.Equal(e.Command, args):
			return fmt.Errorf("process %d, %q, is not %s of the lab, %q", e.PID, e.Command, named(e.Program), args)
		case running:
			return fmt.Errorf("%s is started, and runs", named(e.Program))
		case !wanted:
			return fmt.Errorf("%s is started, and no step asks for it here", named(e.Program))
		}
	case HostReady, HostNotReady:
		if p.answered { // one that was not started is not ready, and the agent says why
			return errors.New(cmp.Or(e.Error, fmt.Sprintf("%q of %s, which was not started since the last", e.Event, named(e.Program))))
		}
		p.answered, p.fresh = true, true
	case HostExited:
		if !p.running {
			return fmt.Errorf("%q of %s, which did not run", e.Event, named(e.Program))
		}
		p.running = false
		process := &a.is.Processes[p.process]
		process.Exited, process.Status = e.Time, e.Status
		switch {
		case e.PID != process.PID:
			return fmt.Errorf("process %d ended, and %s is process %d", e.PID, named(e.Program), process.PID)
		case e.Status == nil || *e.Status < 0 || *e.Status > 255:
			return errors.New("an end without a status")
		}
	}
	return nil
}

// step is the step that the host is at; nil behind the last.
func (a *account) step() *topology.Step {
	if a.done < len(a.steps) {
		return a.steps[a.done]
	}
	return nil
}

// takes tells whether the host's nth step is that snapshot.
func (a *account) takes(n int, name string) bool {
	return n >= 0 && n < len(a.steps) && a.steps[n].Action == topology.Snapshot && a.steps[n].Name == name
}

// asks tells whether the step that the host is at does that to a program.
func (a *account) asks(action topology.Action, program string) bool {
	s := a.step()
	return s != nil && s.Action == action && slices.Contains(programsOf(s, a.host.Name), program)
}

// takeStep checks that a step is the next one of the lab, and that what it does
// was told before it. A run that ends early passes steps over, and still stops
// programs; one that its limit ends takes a snapshot as well.
func (a *account) takeStep(e *HostEvent) error {
	s := a.step()
	later, found := slices.BinarySearchFunc(a.steps[a.done:], e.Step, func(s *topology.Step, number int) int { return s.Number - number })
	if found {
		if next := a.steps[a.done+later]; next.Action == topology.Stop || next.Action == topology.Snapshot {
			a.done, s = a.done+later, next
		}
	}
	switch {
	case s == nil:
		return fmt.Errorf("step %d, and the lab has none there", e.Step)
	case s.Number != e.Step:
		return fmt.Errorf("step %d, where the lab has step %d", e.Step, s.Number)
	case a.failed > 0 && s.Action != topology.Stop:
		return fmt.Errorf("step %d after one that failed", e.Step)
	}
	a.done++
	a.told[e.Step] = e
	names := a.names
	a.names = nil
	if (e.Answer != nil) != a.answers(s) {
		return fmt.Errorf("step %d has an answer that nothing gives, or has none", e.Step)
	}
	if e.Answer != nil {
		if err := e.Answer.Check(); err != nil || e.Answer.Event != EventAnswer {
			return fmt.Errorf("step %d has the answer %q: %w", e.Step, e.Answer.Event, cmp.Or(err, errors.New("it is none")))
		}
	}
	if s.Action == topology.Snapshot && len(names) == 0 {
		return fmt.Errorf("step %d without the snapshot %q", e.Step, s.Name)
	}
	for _, name := range programsOf(s, a.host.Name) {
		p := a.programs[name]
		switch {
		case p == nil && (s.Action == topology.Start || s.Action == topology.Type || s.Action == topology.Signal):
			return fmt.Errorf("step %d, and %s was not started", e.Step, named(name))
		case s.Action == topology.Start && !p.fresh:
			return fmt.Errorf("step %d, and it is not said whether %s was ready", e.Step, named(name))
		case s.Action == topology.Stop && p != nil && p.running:
			return fmt.Errorf("step %d, and %s has not ended", e.Step, named(name))
		}
	}
	for _, p := range a.programs {
		p.fresh = false
	}
	return nil
}

// answers tells whether a prompt answers a step.
func (a *account) answers(s *topology.Step) bool {
	if s.Action != topology.Type {
		return false
	}
	for _, name := range programsOf(s, a.host.Name) {
		args, _ := a.host.Arguments(name)
		return topology.Prompts(args)
	}
	return false
}

// belongs compares the run that the host says it is of with the folder's.
func (a *account) belongs(e *HostEvent) error {
	switch {
	case e.Run != a.run.ID:
		a.foreign = fmt.Sprintf("%s's files are of another run", a.host.Name)
	case e.Lab != a.run.LabHash:
		a.foreign = fmt.Sprintf("lab.json is not the lab that %s ran", a.host.Name)
	default:
		return nil
	}
	return errors.New(a.foreign)
}

// numbered wants each interface to have a number of its own.
func numbered(interfaces []Interface) error {
	numbers := make(map[int]bool)
	for _, i := range interfaces {
		if i.Index < 1 || numbers[i.Index] {
			return fmt.Errorf("%q cannot have the number %d", i.Name, i.Index)
		}
		numbers[i.Index] = true
	}
	return nil
}

// CheckInterfaces compares the addresses that a host has with the lab's; those
// of loopback and link-local ones are nobody else's.
func CheckInterfaces(interfaces []Interface, links []topology.Link) error {
	var missing []string
	for _, l := range links {
		missing = append(missing, l.Address.String())
		if l.Address6.IsValid() {
			missing = append(missing, l.Address6.String())
		}
	}
	for _, i := range interfaces {
		for _, a := range i.Addresses {
			at := slices.Index(missing, a.String())
			switch {
			case at >= 0:
				missing = slices.Delete(missing, at, at+1)
			case !a.Addr().IsLoopback() && !a.Addr().IsLinkLocalUnicast():
				return fmt.Errorf("%q has the address %s, which is not the lab's", i.Name, a)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no interface has the address %s", missing[0])
	}
	return nil
}

func (a *account) takeSeals(seals []Seal) error {
	a.seals = make(map[Witness]Seal)
	for _, s := range seals {
		_, twice := a.seals[s.Witness]
		switch {
		case twice || !slices.Contains(a.witnesses(), s.Witness):
			return fmt.Errorf("one seal too many, of %q", s.Witness)
		case s.File != FileName(a.host.Name, s.Witness):
			return fmt.Errorf("%q is not the file of %s", s.File, s.Witness)
		case s.Bytes < 0 || s.Records < 0 || s.Dropped < 0:
			return fmt.Errorf("the seal of %s has a negative number", s.File)
		}
		a.seals[s.Witness] = s
	}
	return nil
}

// witnesses are those that the host must have.
func (a *account) witnesses() []Witness {
	all := []Witness{Packets, Sockets, Files, Program}
	if a.host.Translates() {
		all = append(all, Conntrack)
	}
	return all
}

// whole tells what a life that came to its end lacks.
func (a *account) whole() error {
	file := FileName(a.host.Name, Agent)
	for _, event := range []string{HostLive, HostStopped} {
		if a.count[event] == 0 {
			return fmt.Errorf("%s has no event %q", file, event)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.programs)) {
		if p := a.programs[name]; !p.answered && a.failed == 0 {
			return fmt.Errorf("%s does not say whether %s was ready", file, named(name))
		}
	}
	return nil
}
