package claim

import (
	"cmp"
	"strings"

	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// text is what the claim says; where it does not, it is made from the keys.
func (s *statement) text() topology.Text {
	if s.says.EN != "" && s.says.KO != "" {
		return s.says
	}
	var made topology.Text
	if s.quantifier != nil {
		made = s.quantifier.text(s)
	}
	return topology.Text{EN: cmp.Or(s.says.EN, made.EN), KO: cmp.Or(s.says.KO, made.KO)}
}

// rowsEN and rowsKO are the rows that where chooses, in words.
func (s *statement) rowsEN() string { return s.place("", " at ") + conditionEN(s.where) }
func (s *statement) rowsKO() string { return s.placeKO() + conditionKO(s.where) }

// matchingEN and matchingKO are the rows that match where and is.
func (s *statement) matchingEN() string { return s.place("", " at ") + conditionEN(s.where, s.is) }
func (s *statement) matchingKO() string { return s.placeKO() + conditionKO(s.where, s.is) }

func (s *statement) place(before, at string) string {
	switch {
	case s.span.From != "":
		return before + s.table + " from " + s.span.From + " to " + s.span.To
	case s.span.To != "":
		return before + s.table + at + s.span.To
	}
	return before + s.table
}

func (s *statement) placeKO() string {
	switch {
	case s.span.From != "":
		return s.span.From + "부터 " + s.span.To + "까지 " + s.table
	case s.span.To != "":
		return s.span.To + " 때 " + s.table
	}
	return s.table
}

func conditionEN(conditions ...*table.Expression) string {
	if text := conjunction(conditions); text != "" {
		return " where " + text
	}
	return ""
}

func conditionKO(conditions ...*table.Expression) string {
	if text := conjunction(conditions); text != "" {
		return "에서 " + text + "인"
	}
	return "의"
}

// conjunction is the text of conditions of which all are to be true.
func conjunction(conditions []*table.Expression) string {
	var texts []string
	for _, c := range conditions {
		if c != nil {
			texts = append(texts, strings.Join(strings.Fields(c.Text), " "))
		}
	}
	if len(texts) > 1 {
		for i, text := range texts {
			if strings.Contains(text, "||") || strings.Contains(text, "?") {
				texts[i] = "(" + text + ")"
			}
		}
	}
	return strings.Join(texts, " && ")
}
