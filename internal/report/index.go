package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Result is what became of one of several labs that were run together.
type Result struct {
	// Lab is the lab's folder, and that of its run beside the index.
	Lab      string
	Question topology.Text
	Verdict  claim.Verdict
	// Err is why the lab could not run; then there is no verdict.
	Err  error
	Took time.Duration
}

// couldNotRun stands where a lab has no outcome.
const couldNotRun claim.Outcome = "could not run"

// Outcome is the lab's, or that it could not run.
func (r Result) Outcome() claim.Outcome {
	if r.Err != nil {
		return couldNotRun
	}
	return r.Verdict.Outcome
}

// Others are the claims that are not as the lab expects.
func (r Result) Others() string { return strings.Join(otherwise(r.Verdict.Claims), ", ") }

// Seconds is how long the lab took.
func (r Result) Seconds() string { return fmt.Sprintf("%.1f", r.Took.Seconds()) }

// Line tells of the lab in one line.
func (r Result) Line(style Style) string {
	text := Printable(r.Lab) + ": " + style.outcome(r.Outcome())
	if r.Err != nil {
		return text + ": " + Printable(strings.ReplaceAll(r.Err.Error(), "\n", "; "))
	}
	if others := r.Others(); others != "" {
		text += ": " + Printable(others)
	}
	return text + ", " + r.Seconds() + " s"
}

// outcome is that of a lab, in its colour.
func (s Style) outcome(o claim.Outcome) string {
	return s.paint(lookOf(o).color, Printable(s.say(string(o))))
}

// Results writes a table of labs, and as the last line how many there are of each
// outcome.
func Results(w io.Writer, results []Result, style Style) error {
	header := table.Row{style.say("lab"), style.say("outcome"), style.say("not as expected"), style.say("seconds")}
	var rows []table.Row
	for _, r := range results {
		rows = append(rows, table.Row{Printable(r.Lab), style.outcome(r.Outcome()), Printable(r.Others()), r.Seconds()})
	}
	text := Table(header, rows, 4)
	if text != "" {
		text += "\n"
	}
	_, err := io.WriteString(w, text+tally(results, style.Language)+"\n")
	return err
}

// tally counts labs: "3 labs (as expected 2, could not run 1)".
func tally(results []Result, l topology.Language) string {
	var counts []string
	for _, o := range []claim.Outcome{claim.AsExpected, claim.NotAsExpected, claim.NotShown, couldNotRun} {
		n := 0
		for _, r := range results {
			if r.Outcome() == o {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%s %d", say(l, string(o)), n))
		}
	}
	text := fmt.Sprintf(say(l, "%d labs"), len(results))
	if len(counts) > 0 {
		text += " (" + strings.Join(counts, ", ") + ")"
	}
	return text
}

// Index writes a page that links the pages of labs that were run together, each
// in the folder of its lab beside it.
func Index(w io.Writer, results []Result, l topology.Language) error {
	return writePage(w, l, "index.html", struct {
		Results []Result
		Summary string
	}{results, tally(results, l)})
}
