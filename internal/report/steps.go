package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Steps writes what agents told of their work, an event a line, in the order of
// time, below the heading, if there is one: time, host, event, and what there
// is to say of it. The rows may be those of several hosts.
func Steps(w io.Writer, heading string, rows []evidence.HostEvent) error {
	ordered := slices.Clone(rows)
	slices.SortStableFunc(ordered, func(a, b evidence.HostEvent) int { return a.Time.Compare(b.Time) })
	var b strings.Builder
	writeHeading(&b, heading)
	var cells [][]string
	for _, e := range ordered {
		cells = append(cells, []string{clock(e.Time), hostName(e.Host), Printable(e.Event), Printable(detail(e))})
	}
	if len(cells) > 0 {
		b.WriteString(Table(nil, cells))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// detail is what an event says beside its name.
func detail(e evidence.HostEvent) string {
	var parts []string
	if e.Run != "" {
		parts = append(parts, "run "+e.Run)
	}
	if e.Name != "" {
		parts = append(parts, e.Name)
	}
	if e.Snapshot != 0 {
		state := "busy"
		if e.Idle {
			state = "idle"
		}
		parts = append(parts, fmt.Sprintf("snapshot %d, %s", e.Snapshot, state))
	}
	if e.PID != 0 {
		parts = append(parts, "pid "+strconv.Itoa(e.PID))
	}
	if len(e.Command) > 0 {
		parts = append(parts, strings.Join(e.Command, " "))
	}
	if e.Status != nil {
		parts = append(parts, "status "+strconv.Itoa(*e.Status))
	}
	for _, i := range e.Interfaces {
		parts = append(parts, strings.TrimSpace(i.Name+" "+strings.Trim(fmt.Sprint(i.Addresses), "[]")))
	}
	for _, s := range e.Seals {
		parts = append(parts, fmt.Sprintf("%s %d", s.Witness, s.Records))
	}
	if e.Error != "" {
		parts = append(parts, e.Error)
	}
	return strings.Join(parts, ", ")
}
