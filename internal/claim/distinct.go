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
		func(first map[string]*table.Row, key string, _ *table.Row) *table.Row { return first[key] },
		func(t *opened, rows []*table.Row) string {
			return fmt.Sprintf("%s of %s differ in %s: %s", allOf(len(rows)), t.s.rowsEN(), strings.Join(t.s.of, ", "), t.values(rows, t.s.of))
		})
	same = comparing("same", "of a table: all rows that match `where` are the same in each column of `of`; there must be two, or as many as `n` says",
		"all rows of %s are the same in %s", "%s 모든 행은 %s 값이 같다",
		func(first map[string]*table.Row, key string, any *table.Row) *table.Row {
			if first[key] != nil {
				return nil
			}
			return any
		},
		func(t *opened, rows []*table.Row) string {
			return fmt.Sprintf("%s in %s of %s", t.shared(rows[:1], t.s.of), allOf(len(rows)), t.s.rowsEN())
		})
)

// comparing makes a quantifier of what finds the row that a row with this key
// refutes the claim with, and of what says why it holds: first has the first row
// of each key, any is one of the rows before.
func comparing(name, doc, en, ko string, counterpart func(first map[string]*table.Row, key string, any *table.Row) *table.Row, because func(*opened, []*table.Row) string) quantifier {
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

func judgeCompared(j *judge, s *statement, counterpart func(map[string]*table.Row, string, *table.Row) *table.Row, because func(*opened, []*table.Row) string) result {
	t, failed := j.table(s)
	if failed != nil {
		return *failed
	}
	var matching interval
	first := make(map[string]*table.Row)
	var like []*table.Row
	var any, one, other *table.Row
	undecided := false
	for _, r := range t.rows {
		here := t.matches(r)
		if here.firm == no && here.soft == no {
			continue
		}
		like = append(like, r)
		matching.add(here.firm)
		key, cells := t.cells(r, s.of)
		if here.firm != yes || cells.firm != yes {
			t.doubt(r, here, cells)
			undecided = true
		}
		if here.soft != yes || cells.soft != yes {
			continue
		}
		if one == nil {
			one, other = counterpart(first, key, any), r
		}
		if any == nil {
			any = r
		}
		if first[key] == nil {
			first[key] = r
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
