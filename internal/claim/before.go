package claim

import (
	"fmt"
	"time"

	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// before compares the first match of two tables. It holds if the one ends
// before the other begins, and is refuted if it is the other way round.
var before = quantifier{
	name:  "before",
	doc:   "a list of two, each {in: TABLE, where: …}: the first row that matches the one is earlier than the first that matches the other",
	read:  readBefore,
	judge: judgeBefore,
	text: func(s *statement) topology.Text {
		a, b := s.events[0], s.events[1]
		return topology.Text{
			EN: fmt.Sprintf("the first row of %s comes before the first of %s", a.rowsEN(), b.rowsEN()),
			KO: fmt.Sprintf("%s 첫 행이 %s 첫 행보다 앞선다", a.rowsKO(), b.rowsKO()),
		}
	},
}

func readBefore(k *keys, s *statement) {
	list, ok := k.values["before"].([]any)
	if !ok || len(list) != 2 {
		k.fault("before", "it must be a list of two, each {in: TABLE, where: …}: the first and what it comes before")
		return
	}
	for i, value := range list {
		values, ok := value.(map[string]any)
		if !ok {
			k.fault(within("before", i), "it must be {in: TABLE, where: …}")
			continue
		}
		event := k.entry("before", i, values)
		event.what = "an event of before"
		e := &statement{key: "in", span: s.span}
		if !event.allow([]string{"in", "where"}) {
			continue
		}
		for _, needed := range []string{"in", "where"} {
			if _, ok := values[needed]; !ok {
				event.fault("", "it needs %s, as {in: TABLE, where: …}", needed)
			}
		}
		if _, ok := values["in"]; !ok {
			continue
		}
		event.rows(e, "in")
		s.events = append(s.events, e)
	}
}

// A moment is when something happened for the first time: not before from, and
// not after until.
type moment struct {
	from, until time.Time
	found       *table.Row
}

// firstOf is the first match of an event. A row of which it is not known may be
// the first one, so the beginning is not later than that row's. Where even
// earlier rows may be missing, open is true: nothing bounds the beginning.
func firstOf(t *opened, s *statement) (m moment, open bool) {
	open = t.gap.Why != "" || t.dumped
	var earliest, from, until time.Time
	for _, r := range t.rows {
		match := t.matches(r)
		if match.firm == no {
			continue
		}
		// All rows of a dump have the same time.
		if from.IsZero() && until.IsZero() || !t.dumped {
			from, until = r.Time()
		}
		if earliest.IsZero() || from.Before(earliest) {
			earliest = from
		}
		if match.firm == maybe {
			t.doubt(r, match)
			continue
		}
		if m.found == nil || until.Before(m.until) {
			m.until, m.found = until, r
		}
	}
	m.from = earliest
	return m, open
}

func judgeBefore(j *judge, s *statement) result {
	var moments [2]moment
	var open [2]bool
	var tables [2]*opened
	for i, e := range s.events {
		t, failed := j.table(e)
		if failed != nil {
			return *failed
		}
		tables[i] = t
		moments[i], open[i] = firstOf(t, e)
	}
	for i, m := range moments {
		if m.found != nil {
			continue
		}
		return tables[i].unknown("there is no row of %s", s.events[i].rowsEN())
	}
	a, b := moments[0], moments[1]
	rows := []*table.Row{a.found, b.found}
	switch {
	case a.until.Before(b.from) && !open[1]:
		return holds(rows, "%s comes %s before %s", quote(a.found), b.from.Sub(a.until), quote(b.found))
	case b.until.Before(a.from) && !open[0]:
		return refuted(rows, "%s comes %s after %s", quote(a.found), a.from.Sub(b.until), quote(b.found))
	}
	why := tables[0].unknown("%s and %s: which of them comes first cannot be told", quote(a.found), quote(b.found))
	if len(why.gaps) == 0 {
		why = tables[1].unknown("%s", why.reason)
	}
	return why
}
