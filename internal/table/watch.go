package table

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Watch makes a watch of a Wait step. What it returns is called with the records
// that the table's witness wrote since the last call, whole ones, from the
// beginning of the run on, and tells whether the wait is over: a row of the last
// dump, or any event so far, is as the step wants it.
func Watch(lab *topology.Lab, step topology.Step) (func(records []byte) (bool, error), error) {
	if len(step.On) == 0 {
		return nil, fmt.Errorf("wait for a row of %s: of which host?", step.Table)
	}
	kind, host, err := Find(lab, step.On[0]+"."+step.Table)
	if err != nil {
		return nil, err
	}
	if kind.Name == "packets" {
		return nil, fmt.Errorf("a run cannot wait for packets: wait for a row of %s.sockets, or for what a program says in %[1]s.program", host)
	}
	e, err := kind.Compile(step.Where)
	switch {
	case err != nil:
		return nil, err
	case !e.Bool:
		return nil, &SyntaxError{Reason: "what is waited for must be true or false"}
	}
	for _, c := range e.columns {
		if c.mask != kind.maskOf([]string{kind.Name}) {
			return nil, fmt.Errorf("a wait for %s.%s cannot look at %s, which %s.%s tells", host, kind.Name, c.Name, host, c.Witnesses[0])
		}
	}
	w := &watch{e: e, row: Row{kind: kindOf(kind.Name), source: &source{host: &evidence.Host{Name: host}, to: &moment{}}}}
	w.row.of = standings{whole: ^mask(0)}
	w.row.byHost = w.row.of
	switch kind.Name {
	case "sockets":
		return each(w, func(s *evidence.Socket) int { return s.Snapshot }), nil
	case "files":
		return each(w, func(f *evidence.File) int { return f.Snapshot }), nil
	case "conntrack":
		return each(w, func(t *evidence.Translation) int { return t.Snapshot }), nil
	}
	return each(w, func(*evidence.ProgramEvent) int { return 0 }), nil
}

// A watch is what a wait for a row knows so far: the last dump, and whether a
// row of it is the one. Events are as if they were all of one dump.
type watch struct {
	e    *Expression
	row  Row
	dump int
	over bool
}

// each evaluates the records of a table one by one.
func each[R any](w *watch, dump func(*R) int) func([]byte) (bool, error) {
	return func(records []byte) (bool, error) {
		for line := range bytes.Lines(records) {
			record := new(R)
			if err := json.Unmarshal(line, record); err != nil {
				return false, fmt.Errorf("a record of %s.%s: %w", w.row.source.host.Name, w.row.kind.Name, err)
			}
			if n := dump(record); n != w.dump {
				w.dump, w.over = n, false
			}
			w.row.record = record
			is, _ := w.e.Evaluate(&w.row, Quorum{}).Value.(bool)
			w.over = w.over || is
		}
		return w.over, nil
	}
}
