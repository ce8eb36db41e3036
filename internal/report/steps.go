package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Steps writes what agents told of their work, an event a line, in the order of
// time, below the heading, if there is one: time, host, event, and what there
// is to say of it. The rows may be those of several hosts.
func Steps(w io.Writer, heading string, rows []evidence.HostEvent) error {
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
	add(e.Name != "", e.Name)
	add(e.Snapshot != 0, fmt.Sprintf("snapshot %d", e.Snapshot))
	add(e.Idle, "idle")
	add(e.PID != 0, fmt.Sprintf("pid %d", e.PID))
	add(len(e.Command) > 0, strings.Join(e.Command, " "))
	if e.Status != nil {
		add(true, fmt.Sprintf("status %d", *e.Status))
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
