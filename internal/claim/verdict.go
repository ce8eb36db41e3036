// Package verdict judges a lab's claims by the evidence of a run. It is pure:
// a run in, a verdict out.
//
// A claim holds when every witness that it needs has whole evidence of every
// connection that the lab expects, and all of that evidence says so. It is
// refuted by a counterexample that at least two witnesses saw, and that none
// of them contradicts. In every other case it is not shown, and the reason
// names the witness that is missing, cut short or at odds with the others: not
// observed is neither false nor true.
//
// The lab's verdict is refuted if one claim is, not shown if one claim is not
// shown or if there are none, and holds only if all claims hold.
package claim

import (
	"fmt"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An Outcome is one of three: a statement about evidence has a third answer.
type Outcome string

// The outcomes.
const (
	Holds    Outcome = "holds"
	Refuted  Outcome = "refuted"
	NotShown Outcome = "not shown"
)

// A Verdict is what the judge says of a run.
type Verdict struct {
	Lab         string       `json:"lab"`
	Outcome     Outcome      `json:"verdict"`
	Claims      []Finding    `json:"claims"`
	Connections []Connection `json:"connections"`
}

// A Finding is the judge's word on one claim.
type Finding struct {
	Claim   string  `json:"claim"`
	Text    string  `json:"text"`
	Outcome Outcome `json:"verdict"`
	Reason  string  `json:"reason"`
}

// Judge judges a run of a lab. The claims' names have passed Check.
func Judge(lab *topology.Lab, run *evidence.Run) Verdict {
	c := gather(lab, run)
	v := Verdict{Lab: lab.Name, Outcome: Holds, Claims: []Finding{}, Connections: c.rows()}
	for _, name := range lab.Claims {
		f := Finding{Claim: name, Text: claims[name].text(lab)}
		f.Outcome, f.Reason = claims[name].judge(c)
		v.Claims = append(v.Claims, f)
	}
	v.Outcome = overall(v.Claims)
	return v
}

func overall(findings []Finding) Outcome {
	outcome := Holds
	if len(findings) == 0 {
		outcome = NotShown
	}
	for _, f := range findings {
		switch {
		case f.Outcome == Refuted:
			return Refuted
		case f.Outcome != Holds:
			outcome = NotShown
		}
	}
	return outcome
}

// Check returns an error that names the first claim that nobody knows.
func Check(lab *topology.Lab) error {
	for _, name := range lab.Claims {
		if _, ok := claims[name]; !ok {
			return fmt.Errorf("x-lab.claims: no claim is called %q; there are %s", name, known())
		}
	}
	return nil
}
