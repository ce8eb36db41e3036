package claim

import (
	"fmt"
	"slices"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A judge is what claims are judged by.
type judge struct {
	run    *evidence.Run
	lab    *topology.Lab
	tables *table.Tables
	// flaw is what went wrong in the run itself, from its beginning on; empty if
	// nothing did.
	flaw string
}

// A result is what a quantifier says of a statement.
type result struct {
	outcome Outcome
	reason  string
	rows    []Row
	// gaps are the witnesses for want of which it is not shown. It is unexplained
	// if no witness lacks anything.
	gaps        []table.Gap
	unexplained bool
}

func holds(rows []*table.Row, format string, args ...any) result {
	return result{outcome: Holds, reason: fmt.Sprintf(format, args...), rows: rowsOf(rows)}
}

func refuted(rows []*table.Row, format string, args ...any) result {
	return result{outcome: Refuted, reason: fmt.Sprintf(format, args...), rows: rowsOf(rows)}
}

// claim judges one claim.
func (j *judge) claim(c topology.Claim) Finding {
	r := newReader(j.lab)
	s := r.claim(c)
	f := Finding{Claim: c.Name, Key: s.key, Text: s.text(), Expected: s.expected, Missing: s.missing, Outcome: NotShown, Rows: []Row{}}
	if len(r.faults) > 0 {
		f.Reason = "it cannot be judged: " + r.faults[0].Reason
		return f
	}
	if why := j.unbelievable(); why != "" {
		f.Reason = why
		return f
	}
	found := s.quantifier.judge(j, s)
	f.Outcome, f.Reason = found.outcome, found.reason
	f.Rows = append(f.Rows, found.rows...)
	if f.Outcome == NotShown {
		f.Reason = j.why(found)
	}
	f.AsExpected = f.Outcome == f.Expected && (f.Outcome != NotShown || j.flaw == "" && allOfWitness(found.gaps, f.Missing))
	return f
}

// allOfWitness tells whether there is a gap, and none is of another witness.
func allOfWitness(gaps []table.Gap, witness string) bool {
	return len(gaps) > 0 && !slices.ContainsFunc(gaps, func(g table.Gap) bool { return g.Witness != witness })
}

// why is the reason of what is not shown: what went wrong in the run, if
// something did; a program's own word, if no witness lacks anything; else what
// the quantifier says.
func (j *judge) why(r result) string {
	if j.flaw != "" {
		return j.flaw
	}
	if failed := j.failedProgram(); r.unexplained && failed != "" {
		return failed + ": " + r.reason
	}
	return r.reason
}

// outcomeOf is the lab's outcome.
func outcomeOf(findings []Finding) Outcome {
	outcome := AsExpected
	for i := range findings {
		switch f := &findings[i]; {
		case f.AsExpected:
		case f.Outcome != NotShown:
			return NotAsExpected
		default:
			outcome = NotShown
		}
	}
	return outcome
}
