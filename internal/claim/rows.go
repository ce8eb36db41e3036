package claim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fourtuple/fourtuple/internal/table"
)

// A tri is true, false, or neither known.
type tri int8

const (
	no tri = iota
	maybe
	yes
)

// A truth is what is known of a row. Firm is what may serve to hold: what a
// quorum tells and no broken witness could have told otherwise. Soft is what may
// serve to refute: what a quorum tells.
type truth struct {
	firm, soft tri
	// gaps are the witnesses for want of which it is not known, or not firm.
	gaps []table.Gap
}

func and(a, b truth) truth {
	both := truth{firm: min(a.firm, b.firm), soft: min(a.soft, b.soft)}
	if both.firm == maybe {
		both.gaps = append(a.gaps[:len(a.gaps):len(a.gaps)], b.gaps...)
	}
	return both
}

// add counts a row that matches, or may.
func (i *interval) add(t tri) {
	if t == yes {
		i.least++
	}
	if t != no {
		i.most++
	}
}

// An opened is a table in which a statement is judged.
type opened struct {
	s    *statement
	rows []*table.Row
	gap  table.Gap
	// dumped says that rows belong to a snapshot.
	dumped bool
	// all are the witnesses by which a row is known to be there, and wanted is how
	// many of them it takes. Tellers are those of them that can tell a column that
	// the statement uses.
	all, tellers []string
	wanted       int
	// doubts are the first row and the reason for each witness for want of which
	// something is not known, in the order in which they were found.
	doubts []doubt
}

// A doubt is why something is not known of a row.
type doubt struct {
	row *table.Row
	table.Gap
}

// table opens the table of a statement; else the result is why that cannot be
// done.
func (j *judge) table(s *statement) (*opened, *result) {
	kind, _, err := table.Find(j.lab, s.table)
	if err != nil {
		return nil, &result{outcome: NotShown, reason: err.Error()}
	}
	if gap := j.unbounded(&kind, s.span); gap.Why != "" {
		return nil, &result{outcome: NotShown, reason: gapText(gap), gaps: []table.Gap{gap}}
	}
	rows, gap, err := j.tables.Rows(s.table, s.span)
	if err != nil {
		return nil, &result{outcome: NotShown, reason: err.Error()}
	}
	if gap := unsent(&kind, rows); gap.Why != "" {
		return nil, &result{outcome: NotShown, reason: gapText(gap), gaps: []table.Gap{gap}}
	}
	t := &opened{s: s, rows: rows, gap: gap, dumped: kind.Dumped, all: s.quorum.Witnesses, wanted: s.quorum.SeenBy}
	if t.all == nil {
		t.all = tellers(&kind, nil)
	}
	can := tellers(&kind, s.uses())
	t.tellers = slices.DeleteFunc(slices.Clone(t.all), func(w string) bool { return !slices.Contains(can, w) })
	if t.wanted == 0 {
		if t.wanted = 2; kind.OfHost {
			t.wanted = 1
		}
	}
	t.wanted = min(t.wanted, len(t.all))
	return t, nil
}

// unsent is the gap where there is a datagram that its sender's whole capture does
// not have: one that is taken to be lost may be that one.
func unsent(kind *table.Kind, rows []*table.Row) table.Gap {
	if kind.Name != "datagrams" {
		return table.Gap{}
	}
	for _, r := range rows {
		if standing, gap := r.Standing("sender.packets"); standing == table.Absent {
			return table.Gap{Witness: gap.Witness, Why: gap.Why + ", of " + quote(r)}
		}
	}
	return table.Gap{}
}

// test is what is known of a condition on a row.
func (t *opened) test(e *table.Expression, r *table.Row) truth {
	if e == nil {
		return truth{firm: yes, soft: yes}
	}
	v := e.Evaluate(r, t.s.quorum)
	value, known := v.Value.(bool)
	switch {
	case !known || len(v.Unknown) > 0:
		return truth{firm: maybe, soft: maybe, gaps: v.Unknown}
	case value && len(v.Blocked) > 0:
		return truth{firm: maybe, soft: yes, gaps: v.Blocked}
	case value:
		return truth{firm: yes, soft: yes}
	case len(v.Blocked) > 0:
		return truth{firm: maybe, soft: no, gaps: v.Blocked}
	}
	return truth{}
}

// ends are the witnesses whose silence contradicts that there was such a row:
// nothing comes from a host or to it that its whole capture does not have. That a
// datagram did not come to its receiver is no contradiction.
var ends = []string{"client.packets", "server.packets", "sender.packets"}

// exists is what is known of there being such a row at all: enough witnesses
// have whole evidence of it, and none of those that the statement asks
// contradicts it.
func (t *opened) exists(r *table.Row) truth {
	whole, contradicted, broken := 0, false, false
	var gaps []table.Gap
	for _, witness := range t.all {
		standing, gap := r.Standing(witness)
		if standing == table.Whole {
			whole++
		}
		if standing == table.Whole || standing == table.NotAsked {
			continue
		}
		if standing == table.Absent && slices.Contains(ends, witness) {
			contradicted = true
		} else if slices.Contains(t.tellers, witness) {
			contradicted = contradicted || standing == table.Contradicted
			broken = broken || standing == table.Broken
		} else if whole >= t.wanted {
			continue
		}
		gaps = append(gaps, gap)
	}
	switch {
	case whole < t.wanted || contradicted:
		return truth{firm: maybe, soft: maybe, gaps: gaps}
	case broken:
		return truth{firm: maybe, soft: yes, gaps: gaps}
	}
	return truth{firm: yes, soft: yes}
}

// matches is what is known of a row being one that where chooses.
func (t *opened) matches(r *table.Row) truth {
	p := t.test(t.s.where, r)
	if p.soft == no && p.firm == no {
		return p
	}
	return and(p, t.exists(r))
}

// cells appends a row's values of columns to a key, which is equal only for
// equal values, and says what is known of them.
func (t *opened) cells(key []byte, r *table.Row, columns []string) ([]byte, truth) {
	known := truth{firm: yes, soft: yes}
	for _, column := range columns {
		v := r.Cell(column, t.s.quorum)
		switch value := v.Value.(type) {
		case string:
			key = append(binary.AppendUvarint(key, uint64(len(value))), value...)
		case int64:
			key = binary.AppendVarint(key, value)
		case bool:
			key = strconv.AppendBool(key, value)
		}
		if len(v.Unknown) > 0 || v.Value == nil {
			known = and(known, truth{firm: maybe, soft: maybe, gaps: v.Unknown})
		} else if len(v.Blocked) > 0 {
			known = and(known, truth{firm: maybe, soft: yes, gaps: v.Blocked})
		}
	}
	return key, known
}

// doubt notes why something is not known of a row.
func (t *opened) doubt(r *table.Row, why ...truth) {
	for _, w := range why {
		if w.firm != maybe {
			continue
		}
		if len(w.gaps) == 0 {
			w.gaps = []table.Gap{{}}
		}
		for _, gap := range w.gaps {
			if !slices.ContainsFunc(t.doubts, func(d doubt) bool { return d.Witness == gap.Witness }) {
				t.doubts = append(t.doubts, doubt{r, gap})
			}
		}
	}
}

// gaps are all that keeps the statement from being shown.
func (t *opened) gaps() (gaps []table.Gap) {
	if t.gap.Why != "" {
		gaps = append(gaps, t.gap)
	}
	for _, d := range t.doubts {
		gaps = append(gaps, d.Gap)
	}
	return gaps
}

// unknown is why a statement is not shown: what a witness lacks, if one does,
// else the sentence.
func (t *opened) unknown(format string, args ...any) result {
	r := result{outcome: NotShown, reason: fmt.Sprintf(format, args...), gaps: t.gaps()}
	switch {
	case t.gap.Why != "":
		r.reason = gapText(t.gap)
	case len(t.doubts) > 0:
		d := t.doubts[0]
		r.rows = []Row{rowOf(d.row)}
		if d.Why != "" {
			r.reason = fmt.Sprintf("%s, of %s", gapText(d.Gap), quote(d.row))
		} else {
			r.reason += ": " + quote(d.row)
		}
	default:
		r.unexplained = true
	}
	return r
}

// tooFew is why a statement is not shown whose rows are not as many as it wants.
func (t *opened) tooFew(matching, wanted interval, found []*table.Row) result {
	en, _ := wanted.phrase()
	r := t.unknown("there are %d rows of %s, where %s are wanted", matching.least, t.s.rowsEN(), en)
	switch {
	case len(r.gaps) > 0:
	case matching.most == 0:
		r.reason = "there is no row of " + t.s.rowsEN()
	case matching.least == 1:
		r.reason = fmt.Sprintf("there is only one row of %s, where %s are wanted: %s", t.s.rowsEN(), en, quotes(found))
	default:
		r.reason += ": " + quotes(found)
	}
	if len(r.rows) == 0 {
		r.rows = rowsOf(found)
	}
	return r
}

func gapText(g table.Gap) string {
	if g.Witness == "" {
		return g.Why
	}
	return g.Witness + ": " + g.Why
}

// quoted is how many rows a reason quotes, kept how many a finding has.
const (
	quoted = 1
	kept   = 10
)

func rowOf(r *table.Row) Row { return Row{File: r.File, Line: r.Line, Text: r.Text()} }

func rowsOf(rows []*table.Row) []Row {
	found := []Row{}
	for _, r := range rows[:min(len(rows), kept)] {
		found = append(found, rowOf(r))
	}
	return found
}

// quote is a row as reasons have it: "server.sockets.jsonl:3: tcp …".
func quote(r *table.Row) string {
	if r.Line == 0 {
		return fmt.Sprintf("%s: %s", r.File, r.Text())
	}
	return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Text())
}

func quotes(rows []*table.Row) string {
	var texts []string
	for _, r := range rows[:min(len(rows), quoted)] {
		texts = append(texts, quote(r))
	}
	text := strings.Join(texts, "; ")
	if n := len(rows) - quoted; n > 0 {
		text += fmt.Sprintf(", and %d more", n)
	}
	return text
}

// show is a cell's value as people read it.
func show(value any) string {
	if text, ok := value.(string); ok && text == "" {
		return `""`
	}
	return fmt.Sprint(value)
}

// counted is how many of a thing there are: "1 row", "3 rows".
func counted(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %s", n, plural)
}

// allOf is all of so many rows.
func allOf(n int) string {
	switch n {
	case 1:
		return "the only row"
	case 2:
		return "both rows"
	}
	return fmt.Sprintf("all %d rows", n)
}

// compared is how many rows are looked at to say what is the same in all.
const compared = 1000

// shared says which columns have one value in all rows: "local.port is 12000".
func (t *opened) shared(rows []*table.Row, columns []string) string {
	if len(rows) == 0 || len(rows) > compared {
		return ""
	}
	var all []string
	for _, column := range columns {
		value := rows[0].Cell(column, t.s.quorum)
		if slices.ContainsFunc(rows, func(r *table.Row) bool {
			v := r.Cell(column, t.s.quorum)
			return len(v.Unknown) > 0 || v.Value == nil || show(v.Value) != show(value.Value)
		}) {
			continue
		}
		all = append(all, fmt.Sprintf("%s is %s", column, show(value.Value)))
	}
	return strings.Join(all, ", ")
}

// values are the different values of columns in rows: "source.port: 40001, 40002".
func (t *opened) values(rows []*table.Row, columns []string) string {
	var all []string
	for _, r := range rows[:min(len(rows), kept)] {
		var one []string
		for _, column := range columns {
			one = append(one, show(r.Cell(column, t.s.quorum).Value))
		}
		all = append(all, strings.Join(one, " "))
	}
	text := strings.Join(all, ", ")
	if n := len(rows) - kept; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// compare says how columns are in two rows: "source.port is 40001 in both",
// "local.port is 12000 and 12001".
func (t *opened) compare(columns []string, one, other *table.Row) string {
	var all []string
	for _, column := range columns {
		a, b := show(one.Cell(column, t.s.quorum).Value), show(other.Cell(column, t.s.quorum).Value)
		if a == b {
			all = append(all, fmt.Sprintf("%s is %s in both", column, a))
		} else {
			all = append(all, fmt.Sprintf("%s is %s and %s", column, a, b))
		}
	}
	return strings.Join(all, ", ")
}
