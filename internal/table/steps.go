package table

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var steps = Kind{
	Name:      "steps",
	Doc:       "what was done in the run, a row for each step and host, with what prompts answered; without a snapshot, until the end of the run",
	witnesses: []string{"host"},
	text:      func(r *Row) string { return stepText(r.record.(*evidence.StepRow)) },
	time:      func(r *Row) (from, until time.Time) { return instant(r.record.(*evidence.StepRow).Time) },
	Columns: slices.Concat(
		[]Column{
			{Name: "number", Type: "int", Doc: "the step's number, from 1", absent: true, value: of(func(s *evidence.StepRow) int64 { return int64(s.Number) })},
			{Name: "action", Type: "string", Doc: "what is done", absent: true, Values: actions, value: of(func(s *evidence.StepRow) string { return string(s.Action) })},
			{Name: "host", Type: "string", Doc: "the host that it is done on", absent: true, value: of(func(s *evidence.StepRow) string { return s.Host })},
			{Name: "program", Type: "string", Doc: "the name of the program; empty for the host's command", absent: true, value: of(func(s *evidence.StepRow) string { return s.Program })},
			{Name: "line", Type: "string", Doc: "the line that is typed", absent: true, value: of(func(s *evidence.StepRow) string { return s.Step.Line })},
			{Name: "done", Type: "bool", Doc: "whether it was done", absent: true, value: of(func(s *evidence.StepRow) bool { return s.Line != 0 })},
		},
		answer(stepAnswer),
		[]Column{
			{Name: "bytes", Type: "int", Unit: "bytes", Doc: "the length of what the call sent or received", value: func(r *Row) any { return int64(stepAnswer(r).Bytes) }},
			{Name: "text", Type: "string", Doc: "what it sent or received; bytes that are no UTF-8 are \\ufffd", value: func(r *Row) any { return valid(stepAnswer(r).Payload()) }},
		},
		endpoint("local", "the socket's own end", Column{}, func(r *Row) netip.AddrPort { return stepAnswer(r).Local }),
		endpoint("remote", "the other end", Column{}, func(r *Row) netip.AddrPort { return stepAnswer(r).Remote }),
	),
}

var actions = []string{"start", "type", "wait", "snapshot", "signal", "stop", "cut", "mend", "sleep"}

// stepAnswer is what a prompt answered; nothing of any other step.
func stepAnswer(r *Row) *evidence.ProgramEvent {
	if a := r.record.(*evidence.StepRow).Answer; a != nil {
		return a
	}
	return &noAnswer
}

func stepText(s *evidence.StepRow) string {
	answer := &noAnswer
	if s.Answer != nil {
		answer = s.Answer
	}
	on := s.Host + when(s.Program != "", "/%s", s.Program)
	return words(fmt.Sprintf("step %d", s.Number), string(s.Action), on, when(s.Step.Line != "", "%q:", s.Step.Line), s.Name, s.Signal, strings.Join(s.Subnets, ", "), when(s.Table != "", "%s %q", s.Table, s.Where),
		callText(answer), when(answer.Bytes > 0, "%d bytes", answer.Bytes), textPart(valid(answer.Payload())), when(s.Line == 0, "not done"))
}

// stepRows makes the rows of the steps of a span, and finds what could hide one.
func (t *Tables) stepRows(from, to *moment, toEnd bool) (all []*Row, gap Gap) {
	in := &source{tables: t, to: to, gaps: func(r *Row, _ string) Gap { return t.stepGap(r.record.(*evidence.StepRow)) }}
	for _, h := range t.run.Lab.Hosts {
		if why := t.run.Hosts[h.Name].Defect(evidence.Agent); why != "" && gap.Why == "" {
			gap = Gap{h.Name + ".host", why}
		}
	}
	rows := make([]Row, 0, len(t.run.Steps))
	for i := range t.run.Steps {
		s := &t.run.Steps[i]
		if from != nil && s.Number <= from.step || !toEnd && s.Number > to.step {
			continue
		}
		row := Row{File: evidence.FileName(s.Host, evidence.Agent), Line: s.Line, kind: kindOf("steps"), record: s, source: in}
		row.of.set(1, Whole)
		row.byHost.set(1, Whole)
		if why := t.stepGap(s); why.Why != "" {
			row.of = standings{absent: 1}
			if t.run.Hosts[s.Host].Defect(evidence.Agent) != "" {
				row.of = standings{broken: 1}
				row.byHost = row.of
			}
			if gap.Why == "" {
				gap = why
			}
		}
		rows = append(rows, row)
	}
	return pointers(rows), gap
}

// stepGap is why it is not known what a step came to.
func (t *Tables) stepGap(s *evidence.StepRow) Gap {
	why := t.run.Hosts[s.Host].Defect(evidence.Agent)
	if why == "" && s.Line == 0 {
		why = fmt.Sprintf("step %d was not done", s.Number)
	}
	if why == "" {
		return Gap{}
	}
	return Gap{s.Host + ".host", why}
}
