package claim

import (
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// all is as many claims in one: refuted if one of them is, and else not shown
// if one of them is not.
var all = quantifier{
	name:  "all",
	doc:   "a list of claims, each with a quantifier of its own: all of them",
	read:  readAll,
	judge: judgeAll,
	text: func(s *statement) topology.Text {
		var en, ko []string
		for _, part := range s.parts {
			text := part.text()
			en, ko = append(en, text.EN), append(ko, text.KO)
		}
		return topology.Text{EN: strings.Join(en, "; "), KO: strings.Join(ko, "; ")}
	},
}

func readAll(k *keys, s *statement) {
	list, ok := k.values["all"].([]any)
	if !ok || len(list) == 0 {
		k.fault("all", "it must be a list of claims, and not an empty one")
		return
	}
	for i, value := range list {
		values, ok := value.(map[string]any)
		if !ok {
			k.fault(within("all", i), "it must be a claim: a mapping with one of %s", strings.Join(quantifierNames(), ", "))
			continue
		}
		part := k.entry("all", i, values)
		if _, nested := values["all"]; nested {
			part.fault("all", "it stands in a list of claims already: add its claims to that one")
			continue
		}
		if _, ok := values["expect"]; ok {
			part.fault("expect", "it goes with the whole claim, not with a part of it")
			continue
		}
		p := &statement{name: s.name, expected: Holds, span: s.span}
		part.statement(p)
		s.parts = append(s.parts, p)
	}
}

func judgeAll(j *judge, s *statement) result {
	var weakest result
	var reasons []string
	var rows []Row
	for i, part := range s.parts {
		r := part.quantifier.judge(j, part)
		if i == 0 || weaker(r.outcome, weakest.outcome) {
			gaps := weakest.gaps
			weakest = r
			if r.outcome == NotShown {
				weakest.gaps = append(gaps, r.gaps...)
			}
		} else if r.outcome == NotShown && weakest.outcome == NotShown {
			weakest.gaps = append(weakest.gaps, r.gaps...)
			weakest.unexplained = weakest.unexplained || r.unexplained
		}
		reasons, rows = append(reasons, inShort(part, r)), append(rows, r.rows...)
	}
	if weakest.outcome == Holds {
		weakest.reason, weakest.rows = strings.Join(reasons, "; "), rows
	}
	return weakest
}

// inShort is why a part holds, without its condition and its rows: the claim has
// the one, the finding the others.
func inShort(part *statement, r result) string {
	reason := strings.Replace(r.reason, conditionEN(part.where), "", 1)
	if len(r.rows) > 0 {
		reason, _, _ = strings.Cut(reason, ": "+r.rows[0].File)
	}
	return reason
}

// weaker tells whether an outcome counts before another one.
func weaker(a, b Outcome) bool {
	order := map[Outcome]int{Refuted: 0, NotShown: 1, Holds: 2}
	return order[a] < order[b]
}
