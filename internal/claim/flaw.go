package claim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// unbelievable is why nothing at all can be said by this run's evidence: it is
// of several runs, or has records that nothing explains.
func (j *judge) unbelievable() string {
	if len(j.run.Defects) > 0 {
		return cmp.Or(j.lost(), j.run.Defects[0])
	}
	if len(j.run.Orphans) > 0 {
		o := j.run.Orphans[0]
		return cmp.Or(j.flaw, fmt.Sprintf("%s at %d: %s", evidence.FileName(o.Host, o.Witness), o.Line, o.What))
	}
	return ""
}

// findFlaw is the first thing that went wrong in the run: a host died, a step
// was not done.
func (j *judge) findFlaw() string {
	if why := j.lost(); why != "" {
		return why
	}
	if len(j.run.Defects) > 0 {
		return j.run.Defects[0]
	}
	if why := j.cutShort(); why != "" {
		return why
	}
	for _, name := range j.run.Names() {
		if why := j.run.Hosts[name].Defect(evidence.Agent); why != "" {
			return fmt.Sprintf("%s: %s", name, why)
		}
	}
	return ""
}

func (j *judge) lost() string {
	for _, name := range j.run.Names() {
		for _, e := range j.run.Hosts[name].Events {
			if e.Event == evidence.HostLost {
				return fmt.Sprintf("%s died: %s", name, e.Error)
			}
		}
	}
	return ""
}

// cutShort says what ended the run before its last step: the step that failed,
// or a program that was waited for in vain. Of several such programs it is the
// first; one that was not started was kept from it by something else.
func (j *judge) cutShort() string {
	if j.run.Ended != "" {
		return "the run was cut short: " + j.run.Ended
	}
	var first evidence.HostEvent
	host := ""
	for _, name := range j.run.Names() {
		started := make(map[string]bool)
		for _, e := range j.run.Hosts[name].Events {
			if e.Event == evidence.HostStarted {
				started[e.Program] = true
			}
			if e.Event == evidence.HostNotReady && started[e.Program] && (host == "" || e.Time.Before(first.Time)) {
				host, first = name, e
			}
		}
	}
	if host == "" {
		return ""
	}
	return fmt.Sprintf("%s: the run was cut short: %s", named(host, first.Program), cmp.Or(j.failure(host, first.Program), first.Error))
}

func named(host, program string) string {
	if program == "" {
		return host
	}
	return host + "/" + program
}

// unbounded is why it cannot be told which events of connections and datagrams
// were until a snapshot: a host's account of its snapshots is not whole.
func (j *judge) unbounded(kind *table.Kind, span table.Span) table.Gap {
	if kind.OfHost || kind.Name == "steps" {
		return table.Gap{}
	}
	to := cmp.Or(span.To, lastSnapshot(j.lab))
	for _, name := range j.run.Names() {
		h := j.run.Hosts[name]
		why := h.Defect(evidence.Agent)
		for _, snapshot := range []string{to, span.From} {
			if why == "" && snapshot != "" && h.Snapshots[snapshot] == 0 {
				why = "the snapshot " + snapshot + " was not taken"
			}
		}
		if why != "" {
			return table.Gap{Witness: name + "." + string(evidence.Agent), Why: why}
		}
	}
	return table.Gap{}
}

// lastSnapshot is the name of the lab's last snapshot.
func lastSnapshot(lab *topology.Lab) (name string) {
	if all := lab.Snapshots(); len(all) > 0 {
		name = all[len(all)-1]
	}
	return name
}

// failedProgram is the word of the program that failed by itself before all
// others, with its host.
func (j *judge) failedProgram() string {
	first, found := time.Time{}, ""
	for _, name := range j.run.Names() {
		programs := []string{""}
		if h, ok := j.lab.Host(name); ok {
			for _, p := range h.Programs {
				programs = append(programs, p.Name)
			}
		}
		for _, program := range programs {
			why := j.failure(name, program)
			if at := j.ended(name, program); why != "" && (found == "" || at.Before(first)) {
				first, found = at, fmt.Sprintf("%s says: %s", named(name, program), why)
			}
		}
	}
	return found
}

// ended is when a program ended for the last time, by its host's account.
func (j *judge) ended(host, program string) (at time.Time) {
	for _, e := range j.run.Hosts[host].Events {
		if e.Event == evidence.HostExited && e.Program == program {
			at = e.Time
		}
	}
	return at
}

// failure is a program's own error and exit status, where it ended by itself
// before the run's last snapshot, or says that it failed.
func (j *judge) failure(host, program string) string {
	h := j.run.Hosts[host]
	said, failed := "", false
	for _, e := range h.Program {
		if e.Program != program || e.Error == "" {
			continue
		}
		if e.Event == evidence.EventFailed || e.Event == evidence.EventStopped || e.Event == evidence.EventLine && !failed {
			said, failed = e.Error, failed || e.Event != evidence.EventLine
		}
	}
	status := ""
	last := lastSnapshot(j.lab)
	ended := slices.IndexFunc(h.Events, func(e evidence.HostEvent) bool { return e.Event == evidence.HostSnapshot && e.Name == last })
	if ended < 0 {
		ended = len(h.Events)
	}
	for _, e := range h.Events[:ended] {
		if e.Event == evidence.HostExited && e.Program == program && e.Status != nil {
			status = fmt.Sprintf("exit %d", *e.Status)
			failed = failed || *e.Status != 0
		}
	}
	switch {
	case !failed:
		return ""
	case said == "":
		return status
	case status == "":
		return said
	}
	return said + ", " + status
}
