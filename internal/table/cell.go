package table

import (
	"math/bits"
	"slices"
	"strings"
)

// maskOf is the set of the named witnesses; names of none are passed over.
func (k *Kind) maskOf(witnesses []string) (m mask) {
	for i, w := range k.witnesses {
		if slices.Contains(witnesses, w) {
			m |= 1 << i
		}
	}
	return m
}

// names are the witnesses of a set.
func (k *Kind) names(m mask) (names []string) {
	for i, w := range k.witnesses {
		if m&(1<<i) != 0 {
			names = append(names, w)
		}
	}
	return names
}

// A count is a Quorum for one kind of table.
type count struct {
	witnesses mask
	seenBy    int
}

func (k *Kind) count(q Quorum) count {
	c := count{witnesses: ^mask(0), seenBy: q.SeenBy}
	if q.Witnesses != nil {
		c.witnesses = k.maskOf(q.Witnesses)
	}
	if c.seenBy == 0 {
		c.seenBy = 2
		if k.OfHost {
			c.seenBy = 1
		}
	}
	return c
}

// known tells whether a column of the row is known: it returns the witnesses for
// want of which it is not, and those that are broken though others tell it. A
// column that nobody is asked about is not known.
func (r *Row) known(c *Column, q count) (missing, broken mask, ok bool) {
	s := r.of
	if c.absent {
		s = r.byHost
		s.contradicted |= r.of.contradicted
	}
	whole, tell := s.whole, c.mask&q.witnesses
	if r.changed {
		tell &= c.unchanged
	}
	asked := tell & (s.whole | s.absent | s.broken | s.contradicted)
	if bad := asked & s.contradicted; bad != 0 {
		return bad, s.broken & asked, false
	}
	if bad := (s.absent | s.broken | r.byHost.broken) & c.source; bad != 0 {
		return bad, s.broken & asked, false
	}
	whole &= asked
	need := min(q.seenBy, bits.OnesCount16(uint16(asked)))
	if need == 0 || bits.OnesCount16(uint16(whole)) < need {
		missing = asked &^ whole
		return missing & -missing, s.broken & asked, false // the first
	}
	return 0, s.broken & asked, true
}

// vouched tells whether it is known what the row's records would be: a capture
// has them, and no translation on the way is unknown.
func (r *Row) vouched(capture string) bool {
	standing, _ := r.Standing(capture)
	return standing <= NotAsked && r.source.to.translator.Why == ""
}

// gapsOf are the gaps of the row's witnesses in a set.
func (r *Row) gapsOf(m mask) (gaps []Gap) {
	if m == 0 {
		return nil
	}
	for _, w := range r.kind.names(m) {
		if gap := r.source.gaps(r, w); !slices.Contains(gaps, gap) {
			gaps = append(gaps, gap)
		}
	}
	return gaps
}

// unknown says why a cell is not known.
func (r *Row) unknown(c *Column, missing mask) []Gap {
	if gaps := r.gapsOf(missing); len(gaps) > 0 {
		return gaps
	}
	if c.vouch != "" {
		if gap := r.source.to.translator; gap.Why != "" {
			return []Gap{gap}
		}
		if standing, gap := r.Standing(c.vouch); standing > NotAsked && gap.Why != "" {
			return []Gap{gap}
		}
	}
	return []Gap{{Why: "no witness tells " + c.Name + " of this row"}}
}

// Cell is a column's value on a row.
func (r *Row) Cell(column string, q Quorum) Value {
	c := r.kind.Column(column)
	if c == nil {
		return Value{Unknown: []Gap{{Why: r.kind.noColumn(column)}}}
	}
	missing, broken, ok := r.known(c, r.kind.count(q))
	v := Value{Blocked: r.gapsOf(broken)}
	if ok {
		v.Value = c.value(r)
	}
	if list, is := v.Value.([]string); is {
		v.Value = strings.Join(list, ", ")
	}
	if v.Value == nil {
		v.Unknown = r.unknown(c, missing)
	}
	return v
}
