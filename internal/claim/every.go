package claim

import (
	"fmt"
	"strings"

	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// every holds if the whole table is there, at least one row matches where, and
// is is true of all that do; one row of which it is certainly false refutes it.
var every = quantifier{
	name:  "every",
	keys:  append([]string{"is", "n"}, filters...),
	needs: []string{"is"},
	doc:   "of a table: `is` is true of each row that matches `where`; there must be one, or as many as `n` says",
	read: func(k *keys, s *statement) {
		if kind := k.rows(s, s.key); kind != nil {
			k.quorumOf(s, kind)
		}
		if k.number(s); s.n != nil && s.n.least < 1 {
			k.fault("n", "nothing is shown by no row: it must be at least 1")
		}
	},
	judge: judgeEvery,
	text: func(s *statement) topology.Text {
		return topology.Text{
			EN: fmt.Sprintf("every row of %s: %s", s.rowsEN(), s.is.Text),
			KO: fmt.Sprintf("%s 모든 행: %s", s.rowsKO(), s.is.Text),
		}
	},
}

func judgeEvery(j *judge, s *statement) result {
	t, failed := j.table(s)
	if failed != nil {
		return *failed
	}
	var matching interval
	var like, against []*table.Row
	undecided := false
	for _, r := range t.rows {
		p := t.matches(r)
		if p.firm == no && p.soft == no {
			continue
		}
		q := t.test(s.is, r)
		if p.soft == yes && q.soft == no {
			against = append(against, r)
		}
		matching.add(p.firm)
		if p.firm != no {
			like = append(like, r)
		}
		if p.firm == maybe || q.firm != yes {
			t.doubt(r, p, q)
		}
		// A row that does not match where, if it turns out so, needs no is.
		undecided = undecided || p.firm != no && q.firm != yes
	}
	if len(against) > 0 {
		more := ""
		if n := len(against) - 1; n > 0 {
			more = "; and " + counted(n, "row more", "rows more")
		}
		return refuted(against, "%s, and not %s: %s%s", t.shared(against[:1], s.is.Columns), s.is.Text, quote(against[0]), more)
	}
	wanted := interval{1, unbounded}
	if s.n != nil {
		wanted = *s.n
	}
	switch {
	case t.gap.Why != "" || undecided:
		return t.unknown("it is not known whether %s is true of each row of %s", s.is.Text, s.rowsEN())
	case !matching.within(wanted):
		return t.tooFew(matching, wanted, like)
	}
	of := fmt.Sprintf("%s of %s: %s", allOf(len(like)), s.rowsEN(), quotes(like))
	if same := t.shared(like, s.is.Columns); strings.Count(same, " is ") == len(s.is.Columns) {
		return holds(like, "%s in %s", same, of)
	}
	return holds(like, "%s is true of %s", s.is.Text, of)
}
