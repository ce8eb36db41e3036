package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Steps writes what was done in a run: for each step its number, the time when
// the last host had done it, what it is, and what a prompt answered, or why it
// was not done. With a host, there are only steps on that host.
func Steps(w io.Writer, run *evidence.Run, host string, style Style) error {
	_, err := io.WriteString(w, stepsText(stepsOf(run, host, style.Language), style))
	return err
}

// A stepLine is what there is to say of a step.
type stepLine struct {
	Number             int
	When, What, Answer string
}

// stepsOf are the steps of a run, each with all hosts that it is done on.
func stepsOf(run *evidence.Run, host string, l topology.Language) (lines []stepLine) {
	of := make(map[int][]evidence.StepRow)
	var numbers []int
	for _, row := range run.Steps {
		if host != "" && row.Host != host {
			continue
		}
		if of[row.Number] == nil {
			numbers = append(numbers, row.Number)
		}
		of[row.Number] = append(of[row.Number], row)
	}
	for _, number := range numbers {
		rows := of[number]
		line := stepLine{Number: number, What: rows[0].Step.String()}
		var last time.Time
		var undone, answers []string
		for _, row := range rows {
			if row.Line == 0 {
				undone = append(undone, hostName(row.Host))
			}
			if row.Answer != nil {
				answers = append(answers, answerText(row.Answer))
			}
			if row.Time.After(last) {
				last = row.Time
			}
		}
		if !last.IsZero() {
			line.When = clock(last)
		}
		if len(undone) > 0 {
			answers = append(answers, fmt.Sprintf(say(l, "not done on %s"), strings.Join(undone, ", ")))
		}
		line.Answer = strings.Join(answers, "; ")
		lines = append(lines, line)
	}
	return lines
}

func stepsText(lines []stepLine, style Style) string {
	if len(lines) == 0 {
		return style.say("no steps") + "\n"
	}
	var rows []table.Row
	for _, l := range lines {
		rows = append(rows, table.Row{strconv.Itoa(l.Number), l.When, Printable(l.What), Printable(l.Answer)})
	}
	return Table(nil, rows, 1)
}

// answerText is what a prompt answered: "accept = 5, 10.12.0.10:12000 to
// 10.12.1.10:40992".
func answerText(e *evidence.ProgramEvent) string {
	if e.Error != "" {
		return e.Error
	}
	var text string
	switch {
	case e.Call == "":
		return ""
	case e.Waiting:
		text = e.Call + ": waiting"
	case e.Errno != "":
		text = e.Call + " = -1 " + e.Errno
	default:
		text = fmt.Sprintf("%s = %d", e.Call, e.Result)
	}
	switch {
	case e.Local.IsValid() && e.Remote.IsValid():
		text += fmt.Sprintf(", %s to %s", endpoint(e.Local), endpoint(e.Remote))
	case e.Local.IsValid() || e.Remote.IsValid():
		text += ", " + endpoint(cmp.Or(e.Local, e.Remote))
	}
	if payload := string(e.Payload()); payload != "" {
		text += ", " + quoted(payload)
	}
	return text
}

// Account writes what an agent told of its work, an event a line, in the order
// of time, below the heading, if there is one: time, host, event, and what there
// is to say of it.
func Account(w io.Writer, heading string, rows []evidence.HostEvent) error {
	ordered := slices.Clone(rows)
	slices.SortStableFunc(ordered, func(a, b evidence.HostEvent) int { return a.Time.Compare(b.Time) })
	var cells []table.Row
	for _, e := range ordered {
		cells = append(cells, table.Row{clock(e.Time), hostName(e.Host), Printable(e.Event), Printable(detail(e))})
	}
	return write(w, heading, Table(nil, cells))
}

// detail is what an event says beside its name.
func detail(e evidence.HostEvent) string {
	var parts []string
	add := func(said bool, part string) {
		if said {
			parts = append(parts, part)
		}
	}
	add(e.Run != "", "run "+e.Run)
	add(e.Step != 0, fmt.Sprintf("step %d", e.Step))
	add(e.Name != "", e.Name)
	add(e.Program != "", e.Program)
	add(e.Snapshot != 0, fmt.Sprintf("snapshot %d", e.Snapshot))
	add(e.Idle, "idle")
	add(e.PID != 0, fmt.Sprintf("pid %d", e.PID))
	add(len(e.Command) > 0, strings.Join(e.Command, " "))
	if e.Status != nil {
		add(true, fmt.Sprintf("status %d", *e.Status))
	}
	if e.Answer != nil {
		add(true, answerText(e.Answer))
	}
	for _, i := range e.Interfaces {
		add(true, strings.TrimSpace(i.Name+" "+strings.Trim(fmt.Sprint(i.Addresses), "[]")))
	}
	for _, s := range e.Seals {
		add(true, fmt.Sprintf("%s %d", s.Witness, s.Records))
		add(s.Dropped > 0, fmt.Sprintf("%d dropped", s.Dropped))
		add(s.Error != "", s.Error)
	}
	add(e.Error != "", e.Error)
	return strings.Join(parts, ", ")
}
