package report

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func sampleResults() []Result {
	expected := claim.Finding{Claim: "one-port", Outcome: claim.Holds, AsExpected: true}
	otherwise := claim.Finding{Claim: "<told-apart>", Outcome: claim.Refuted, Expected: claim.Holds}
	lacking := claim.Finding{Claim: "\x1b[2J", Outcome: claim.NotShown, Expected: claim.Holds}
	return []Result{
		{
			Lab: "first", Question: topology.Text{EN: "Is it <so>?", KO: "그런가?"}, Took: 1234 * time.Millisecond,
			Verdict: claim.Verdict{Outcome: claim.AsExpected, Claims: []claim.Finding{expected}},
		},
		{
			Lab: "second", Question: topology.Text{EN: "Is it otherwise?"}, Took: 12 * time.Second,
			Verdict: claim.Verdict{Outcome: claim.NotAsExpected, Claims: []claim.Finding{expected, otherwise, lacking}},
		},
		{Lab: "third", Verdict: claim.Verdict{Outcome: claim.NotShown, Claims: []claim.Finding{lacking}}},
		{Lab: "fourth", Err: errors.New("compose.yaml:1:1:\nno lab"), Took: time.Millisecond},
	}
}

func TestResults(t *testing.T) {
	for name, style := range map[string]Style{
		"results.txt": {}, "results-ko.txt": {Language: topology.Korean}, "results-color.txt": {Color: true},
	} {
		golden(t, name, func(w io.Writer) error {
			for _, r := range sampleResults() {
				if _, err := io.WriteString(w, r.Line(style)+"\n"); err != nil {
					return err
				}
			}
			return Results(w, sampleResults(), style)
		})
	}
	golden(t, "results-none.txt", func(w io.Writer) error { return Results(w, nil, Style{}) })
}

func TestIndex(t *testing.T) {
	golden(t, "index.html", func(w io.Writer) error { return Index(w, sampleResults(), topology.English) })
	golden(t, "index-ko.html", func(w io.Writer) error { return Index(w, sampleResults(), topology.Korean) })
}
