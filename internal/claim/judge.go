package claim

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A judge is all that a claim is judged by.
type judge struct {
	run *evidence.Run
	lab *topology.Lab
	// all are the run's connections, those of the lab's clients first; opened
	// those of them that were opened to the lab's server.
	all, opened []*evidence.Connection
	// flaw is what keeps every claim from holding, whatever it needs.
	flaw string
}

func newJudge(run *evidence.Run) *judge {
	j := &judge{run: run, lab: run.Lab}
	order := make(map[string]int)
	for i, name := range j.lab.Clients {
		order[name] = i - len(j.lab.Clients)
	}
	for i := range run.Connections {
		j.all = append(j.all, &run.Connections[i])
	}
	slices.SortStableFunc(j.all, func(a, b *evidence.Connection) int {
		return cmp.Compare(order[a.Client.Host], order[b.Client.Host])
	})
	for _, c := range j.all {
		if c.Server.Host == j.lab.Server && c.Server.Host != "" && c.Outcome == evidence.Opened {
			j.opened = append(j.opened, c)
		}
	}
	j.flaw = j.findFlaw()
	return j
}

// findFlaw is the first thing that keeps the table from being whole; empty if
// there is none. What is known to have gone wrong in the run comes first, then
// files, then records.
func (j *judge) findFlaw() string {
	for _, name := range j.run.Names() {
		if e, ok := last(j.run.Hosts[name].Events, evidence.HostLost); ok {
			return fmt.Sprintf("%s died: %s", name, e.Error)
		}
	}
	if len(j.run.Defects) > 0 {
		return j.run.Defects[0]
	}
	for _, name := range j.run.Names() {
		h := j.run.Hosts[name]
		if why := h.Defect(evidence.Agent); why != "" {
			return cmp.Or(j.waited(), fmt.Sprintf("%s: %s", name, why))
		}
	}
	if why := j.missing(); why != "" {
		return why
	}
	for _, name := range j.run.Names() {
		h := j.run.Hosts[name]
		for _, w := range []evidence.Witness{evidence.Packets, evidence.Sockets, evidence.Files, evidence.Program, evidence.Conntrack} {
			if why := h.Defect(w); why != "" {
				return fmt.Sprintf("%s.%s: %s", name, w, why)
			}
		}
	}
	if len(j.run.Orphans) > 0 {
		o := j.run.Orphans[0]
		return fmt.Sprintf("%s at %d: %s", evidence.FileName(o.Host, o.Witness), o.Line, o.What)
	}
	for _, c := range j.all {
		if c.Outcome == evidence.Unknown {
			return fmt.Sprintf("%s: what became of it cannot be told", name(c))
		}
	}
	return ""
}

// waited says which host's program the run waited for when it was cut short, so
// that others were not started; empty if all were.
func (j *judge) waited() (why string) {
	unstarted := false
	for _, name := range j.run.Names() {
		e, ok := last(j.run.Hosts[name].Events, evidence.HostNotReady)
		_, started := last(j.run.Hosts[name].Events, evidence.HostStarted)
		unstarted = unstarted || ok && !started
		if ok && started && why == "" {
			why = fmt.Sprintf("%s: the run was cut short: %s", name, e.Error)
		}
	}
	if !unstarted {
		return ""
	}
	return why
}

// missing says why a client of the lab has no connection to its server, in the
// words of the programs that could not make one.
func (j *judge) missing() string {
	for _, client := range j.lab.Clients {
		if slices.ContainsFunc(j.opened, func(c *evidence.Connection) bool { return c.Client.Host == client }) {
			continue
		}
		if why := j.failure(j.lab.Server); why != "" {
			return j.lab.Server + ": " + why
		}
		return fmt.Sprintf("%s has no connection to %s: %s", client, j.lab.Server, j.whyNone(client))
	}
	if len(j.opened) == 0 {
		return fmt.Sprintf("no witness saw a connection to %q", j.lab.Server)
	}
	return ""
}

// whyNone says what is known of a client that has no connection.
func (j *judge) whyNone(client string) string {
	if why := j.failure(client); why != "" {
		return "it says: " + why
	}
	h := j.run.Hosts[client]
	for _, w := range []evidence.Witness{evidence.Packets, evidence.Program} {
		if why := h.Defect(w); why != "" {
			return fmt.Sprintf("%s.%s: %s", client, w, why)
		}
	}
	if e, ok := last(h.Events, evidence.HostNotReady); ok {
		return fmt.Sprintf("the run was cut short: %s", e.Error)
	}
	for _, c := range j.all {
		switch {
		case c.Client.Host != client || c.Outcome == evidence.Opened:
		case c.Outcome == evidence.Unknown:
			return fmt.Sprintf("what became of its attempt to reach %s cannot be told", c.Destination)
		default:
			return fmt.Sprintf("its attempt to reach %s was %s", c.Destination, c.Outcome)
		}
	}
	return "no witness saw one"
}

// failure is the program's own error and exit status, where it ended by itself
// before the run's last snapshot, or says that it failed.
func (j *judge) failure(host string) string {
	h := j.run.Hosts[host]
	if h == nil {
		return ""
	}
	said, failed := "", false
	for _, e := range h.Program {
		if e.Error != "" && (e.Event == evidence.EventFailed || e.Event == evidence.EventStopped || e.Event == evidence.EventLine && !failed) {
			said, failed = e.Error, failed || e.Event != evidence.EventLine
		}
	}
	status := ""
	for _, e := range h.Events {
		if e.Event == evidence.HostExited && e.Status != nil {
			status = fmt.Sprintf("exit %d", *e.Status)
			failed = failed || *e.Status != 0
		}
		if e.Event == evidence.HostSnapshot && status == "" {
			break // it ended because it was stopped
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

// last is the last event of a kind.
func last(events []evidence.HostEvent, kind string) (found evidence.HostEvent, ok bool) {
	for _, e := range events {
		if e.Event == kind {
			found, ok = e, true
		}
	}
	return found, ok
}

// gap is the first thing that keeps a claim from holding that needs these
// witnesses of every connection to the lab's server. A witness that does not
// apply lacks nothing.
func (j *judge) gap(needs ...string) string {
	if j.flaw != "" {
		return j.flaw
	}
	return lacking(j.opened, needs)
}

func lacking(connections []*evidence.Connection, needs []string) string {
	for _, c := range connections {
		for _, column := range needs {
			if why := c.Lacks[column]; why != "" {
				return fmt.Sprintf("%s of %s: %s", column, name(c), why)
			}
		}
	}
	return ""
}

// name is a connection by its hosts, or by its endpoints where no host has
// them.
func name(c *evidence.Connection) string {
	side := func(s evidence.Side) string {
		if s.Host == "" {
			return s.Local.String()
		}
		return s.Host
	}
	return side(c.Client) + " -> " + side(c.Server)
}

// certain tells whether a connection can serve as a counterexample: a capture
// has it whole, so has another of these witnesses, and none contradicts them.
func (j *judge) certain(c *evidence.Connection, witnesses ...string) bool {
	whole := func(column string) bool {
		why, applies := c.Lacks[column]
		return applies && why == ""
	}
	n := 0
	for _, column := range witnesses {
		if whole(column) {
			n++
		}
	}
	return n >= 2 && (whole("client.packets") || whole("server.packets")) &&
		len(c.Conflicts) == 0 && len(j.run.Orphans) == 0 && len(j.run.Defects) == 0
}
