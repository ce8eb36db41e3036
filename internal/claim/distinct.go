package claim

import (
	"fmt"
	"strings"

	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// distinct and same compare rows by columns. Each holds if the whole table is
// there and at least two rows match where, and is refuted by two rows that are
// certain.
var (
	distinct = comparing("distinct", "of a table: no two rows that match `where` are the same in all columns of `of`; there must be two, or as many as `n` says",
		"all rows of %s differ in %s", "%s 모든 행은 %s 값이 서로 다르다",
		func(equal, _ *table.Row) *table.Row { return equal },
		func(t *opened, rows []*table.Row) string {
			return fmt.Sprintf("%s of %s differ in %s: %s", allOf(len(rows)), t.s.rowsEN(), strings.Join(t.s.of, ", "), t.values(rows, t.s.of))
		})
	same = comparing("same", "of a table: all rows that match `where` are the same in each column of `of`; there must be two, or as many as `n` says",
		"all rows of %s are the same in %s", "%s 모든 행은 %s 값이 같다",
		func(equal, before *table.Row) *table.Row {
			if equal != nil {
				return nil
			}
			return before
		},
		func(t *opened, rows []*table.Row) string {
			return fmt.Sprintf("%s in %s of %s", t.shared(rows[:1], t.s.of), allOf(len(rows)), t.s.rowsEN())
		})
)

// comparing makes a quantifier of what finds the row that refutes the claim
// together with another, and of what says why it holds. Of that other row, equal
// is the first before it that is the same in all columns, and before the first of
// all; each may be nil.
func comparing(name, doc, en, ko string, counterpart func(equal, before *table.Row) *table.Row, because func(*opened, []*table.Row) string) quantifier {
	return quantifier{
		name: name, keys: append([]string{"of", "n"}, filters...), needs: []string{"of"}, doc: doc,
		read: func(k *keys, s *statement) {
			if kind := k.rows(s, s.key); kind != nil {
				k.columns(s, kind)
				k.quorumOf(s, kind)
			}
			if k.number(s); s.n != nil && s.n.least < 2 {
				k.fault("n", "fewer than two rows cannot be compared: it must be at least 2")
			}
		},
		judge: func(j *judge, s *statement) result { return judgeCompared(j, s, counterpart, because) },
		text: func(s *statement) topology.Text {
			of := strings.Join(s.of, ", ")
			return topology.Text{EN: fmt.Sprintf(en, s.rowsEN(), of), KO: fmt.Sprintf(ko, s.rowsKO(), of)}
		},
	}
}

func judgeCompared(j *judge, s *statement, counterpart func(equal, before *table.Row) *table.Row, because func(*opened, []*table.Row) string) result {
	t, failed := j.table(s)
	if failed != nil {
		return *failed
	}
	var matching interval
	equals := make(map[string]*table.Row, len(t.rows))
	var like []*table.Row
	var before, one, other *table.Row
	undecided := false
	var key []byte
	for _, r := range t.rows {
		here := t.matches(r)
		if here.firm == no && here.soft == no {
			continue
		}
		like = append(like, r)
		matching.add(here.firm)
		var cells truth
		key, cells = t.cells(key[:0], r, s.of)
		if here.firm != yes || cells.firm != yes {
			t.doubt(r, here, cells)
			undecided = true
		}
		if here.soft != yes || cells.soft != yes {
			continue
		}
		if one != nil {
			continue
		}
		equal := equals[string(key)]
		if one, other = counterpart(equal, before), r; equal == nil {
			equals[string(key)] = r
		}
		if before == nil {
			before = r
		}
	}
	if one != nil {
		return refuted([]*table.Row{one, other}, "%s: %s; %s", t.compare(s.of, one, other), quote(one), quote(other))
	}
	wanted := interval{2, unbounded}
	if s.n != nil {
		wanted = *s.n
	}
	of := strings.Join(s.of, ", ")
	switch {
	case t.gap.Why != "" || undecided:
		return t.unknown("it is not known of each row of %s what %s is", s.rowsEN(), of)
	case !matching.within(wanted):
		return t.tooFew(matching, wanted, like)
	}
	return holds(like, "%s", because(t, like))
}
