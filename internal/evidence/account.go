package evidence

import (
	"cmp"
	"errors"
	"fmt"
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
	names []string       // of snapshots
	last  int            // snapshot's number

	registered time.Time
	closed     time.Time // zero for a host that did not close
	interfaces []Interface
	seals      map[Witness]Seal
	// foreign says why nothing of this host belongs to the run.
	foreign string
	// unsealed says why a host that did not close its files did not.
	unsealed string
}

// stages are the events of a host's life: the event that must have come before,
// whether only hosts with a program have it, and whether it may come again.
var stages = map[string]struct {
	after          string
	program, again bool
}{
	HostRegistered: {},
	HostLive:       {after: HostRegistered},
	HostStarted:    {after: HostLive, program: true},
	HostReady:      {after: HostStarted, program: true},
	HostNotReady:   {after: HostLive, program: true},
	HostSnapshot:   {after: HostLive, again: true},
	HostExited:     {after: HostStarted, program: true},
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
	case stage.program && len(a.host.Program) == 0:
		return fmt.Errorf("%q, and the lab has no program there", e.Event)
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
	case HostStarted:
		a.is.pid = e.PID
		if e.PID < 1 || !slices.Equal(e.Command, a.host.Program) {
			return fmt.Errorf("process %d, %q, is not the lab's program %q", e.PID, e.Command, a.host.Program)
		}
	case HostNotReady:
		if a.count[HostStarted] == 0 {
			return errors.New(e.Error)
		}
	case HostExited:
		a.is.exited, a.is.status = e.Time, e.Status
		if e.Status == nil || *e.Status < 0 || *e.Status > 255 {
			return errors.New("an end without a status")
		}
	case HostSnapshot:
		if e.Snapshot <= a.last {
			return fmt.Errorf("snapshot %d comes after snapshot %d", e.Snapshot, a.last)
		}
		a.last, a.is.Snapshots[e.Name], a.is.snapshot = e.Snapshot, e.Snapshot, e.Time
		a.names = append(a.names, e.Name)
	case HostFailed:
		return fmt.Errorf("%s says: %s", a.host.Name, e.Error)
	case HostLost:
		a.unsealed = fmt.Sprintf("%s ended early: %s", a.host.Name, e.Error)
	case HostClosed:
		a.closed = e.Time
		return a.takeSeals(e.Seals)
	}
	return nil
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
	if len(a.host.Masquerade) > 0 {
		all = append(all, Conntrack)
	}
	return all
}

// whole tells what a life that came to its end lacks.
func (a *account) whole() error {
	file := FileName(a.host.Name, Agent)
	for _, event := range []string{HostLive, HostStarted, HostExited, HostStopped} {
		if a.count[event] == 0 && (!stages[event].program || len(a.host.Program) > 0) {
			return fmt.Errorf("%s has no event %q", file, event)
		}
	}
	if n := a.count[HostReady] + a.count[HostNotReady]; n != a.count[HostStarted] {
		return fmt.Errorf("%s does not say whether the program was ready", file)
	}
	var want []string
	for _, s := range a.run.Lab.Steps {
		if s.Action == topology.Snapshot && (len(s.On) == 0 || slices.Contains(s.Hosts(), a.host.Name)) {
			want = append(want, s.Name)
		}
	}
	// A run that pauses takes the last snapshot once more.
	if names := slices.Compact(a.names); !slices.Equal(names, want) {
		return fmt.Errorf("%s has the snapshots %q, the lab's are %q", file, names, want)
	}
	return nil
}
