package claim

import (
	"fmt"

	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// some, none and count say how many rows match where and is: at least one, none,
// or as many as n allows. The rows that certainly match are the least that
// there are; with those of which it is not known they are the most, and where
// the table is cut there is no most. A claim holds if it is true of every number
// between them, and is refuted if it is true of none.
var (
	some = counting("some", interval{1, unbounded}, "of a table: at least one row matches `where` and `is`", "some row of %s", "%s 행이 있다")
	none = counting("none", interval{0, 0}, "of a table: no row matches `where` and `is`", "no row of %s", "%s 행이 없다")

	count = quantifier{
		name:  "count",
		keys:  append([]string{"is", "n"}, filters...),
		needs: []string{"n"},
		doc:   "of a table: as many rows match `where` and `is` as `n` says",
		read: func(k *keys, s *statement) {
			readCounted(k, s)
			if k.number(s); s.n != nil && *s.n == (interval{0, unbounded}) {
				k.fault("n", "it is true of every number of rows: nothing can refute the claim")
			}
		},
		judge: func(j *judge, s *statement) result { return judgeCount(j, s, *s.n) },
		text: func(s *statement) topology.Text {
			en, ko := s.n.phrase()
			there, rows := "there are", "rows"
			if *s.n == (interval{1, 1}) {
				there, rows = "there is", "row"
			}
			return topology.Text{
				EN: fmt.Sprintf("%s %s %s of %s", there, en, rows, s.matchingEN()),
				KO: fmt.Sprintf("%s 행은 %s다", s.matchingKO(), ko),
			}
		},
	}
)

func counting(name string, n interval, doc, en, ko string) quantifier {
	return quantifier{
		name: name, keys: append([]string{"is"}, filters...), doc: doc, read: readCounted,
		judge: func(j *judge, s *statement) result { return judgeCount(j, s, n) },
		text: func(s *statement) topology.Text {
			return topology.Text{EN: fmt.Sprintf(en, s.matchingEN()), KO: fmt.Sprintf(ko, s.matchingKO())}
		},
	}
}

func readCounted(k *keys, s *statement) {
	kind := k.rows(s, s.key)
	if kind == nil {
		return
	}
	k.quorumOf(s, kind)
	if _, is := k.values["is"]; !is && s.key != "count" {
		if _, where := k.values["where"]; !where {
			k.fault("", "%s needs where or is: which row is meant", s.key)
		}
	}
}

func judgeCount(j *judge, s *statement, wanted interval) result {
	t, failed := j.table(s)
	if failed != nil {
		return *failed
	}
	var firm, soft interval
	var found, looked []*table.Row
	for _, r := range t.rows {
		p := t.matches(r)
		if p.firm == no && p.soft == no {
			continue
		}
		m := and(p, t.test(s.is, r))
		firm.add(m.firm)
		soft.add(m.soft)
		if p.soft == yes {
			looked = append(looked, r)
		}
		if m.soft == yes {
			found = append(found, r)
		}
		if m.firm == maybe {
			t.doubt(r, m)
		}
	}
	if t.gap.Why != "" {
		firm.most, soft.most = unbounded, unbounded
	}
	reason, shown := t.counted(found, looked)
	switch {
	case firm.within(wanted):
		return holds(shown, "%s", reason)
	case soft.disjoint(wanted):
		return refuted(shown, "%s", reason)
	}
	return t.unknown("it is not known how many rows of %s there are: from %d to %d", s.matchingEN(), firm.least, firm.most)
}

// counted says which rows match where and is, of those that match where; of none
// it says what the columns of is are in those.
func (t *opened) counted(found, looked []*table.Row) (reason string, shown []*table.Row) {
	switch {
	case len(found) > 0:
		return fmt.Sprintf("%s: %s", counted(len(found), "row of "+t.s.matchingEN(), "rows of "+t.s.matchingEN()), quotes(found)), found
	case t.s.is == nil || len(looked) == 0:
		return "there is no row of " + t.s.matchingEN(), looked
	}
	same := t.shared(looked, t.s.is.Columns)
	if same != "" {
		same = ": " + same
	}
	none := "not true of the only row"
	if len(looked) > 1 {
		none = fmt.Sprintf("true of none of %d rows", len(looked))
	}
	return fmt.Sprintf("%s is %s of %s%s: %s", t.s.is.Text, none, t.s.rowsEN(), same, quotes(looked)), looked
}
