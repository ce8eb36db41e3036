package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/report"
)

func cameOut(outcomes ...claim.Outcome) (results []report.Result) {
	for _, o := range outcomes {
		results = append(results, report.Result{Verdict: fourtuple.Verdict{Lab: "lab", Outcome: o}})
	}
	return results
}

// The exit status of several labs is that of the worst.
func TestWorst(t *testing.T) {
	cannot := report.Result{Err: errors.New("no lab")}
	for _, test := range []struct {
		want    error
		results []report.Result
	}{
		{nil, cameOut(fourtuple.AsExpected, fourtuple.AsExpected)},
		{status(statusNotShown), cameOut(fourtuple.AsExpected, fourtuple.NotShown)},
		{status(statusCannot), append(cameOut(fourtuple.NotShown), cannot)},
		{status(statusOtherwise), append(cameOut(fourtuple.NotShown, fourtuple.NotAsExpected), cannot)},
	} {
		assert.Equal(t, test.want, worst(test.results))
	}
}

// Labs that could not run have no verdict in the array.
func TestVerdictsAsJSON(t *testing.T) {
	for want, results := range [][]report.Result{
		{{Err: errors.New("no lab")}},
		append(cameOut(fourtuple.AsExpected), report.Result{Err: errors.New("no lab")}),
		cameOut(fourtuple.AsExpected, fourtuple.NotShown),
	} {
		var b bytes.Buffer
		require.NoError(t, printJSON(&b, results))
		var verdicts []fourtuple.Verdict
		require.NoError(t, json.Unmarshal(b.Bytes(), &verdicts), b.String())
		require.NotNil(t, verdicts)
		assert.Len(t, verdicts, want)
	}
}
