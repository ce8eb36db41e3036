package report

import (
	"bytes"
	"io"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

func sampleVerdicts() map[string]claim.Verdict {
	_, whole := holds()
	_, translated := refuted()
	translated.Lab = "<b>&\n\u202e\u009b\U000e0001"
	translated.Connections[2].Outcome, translated.Connections[2].Opening = evidence.Unanswered, 2
	return map[string]claim.Verdict{
		"holds": whole, "refuted": translated, "empty": {Lab: "empty", Run: "00", Outcome: claim.NotShown},
	}
}

func TestJSON(t *testing.T) {
	for name, v := range sampleVerdicts() {
		golden(t, "verdict-"+name+".json", func(w io.Writer) error { return JSON(w, v) })
	}
}

// The published schema describes what JSON writes, and nothing else.
func TestSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("schema/verdict.schema.json")
	require.NoError(t, err)
	validate := func(v claim.Verdict) error {
		var b bytes.Buffer
		require.NoError(t, JSON(&b, v))
		value, err := jsonschema.UnmarshalJSON(&b)
		require.NoError(t, err)
		return schema.Validate(value)
	}
	for name, v := range sampleVerdicts() {
		require.NoError(t, validate(v), name)
	}
	for name, spoil := range map[string]func(v *claim.Verdict){
		"an outcome that there is not": func(v *claim.Verdict) { v.Outcome = "maybe" },
		"a claim's outcome as a lab's": func(v *claim.Verdict) { v.Outcome = claim.Holds },
		"a claim that expects nothing": func(v *claim.Verdict) { v.Claims[0].Expected = "" },
		"a row before the first line":  func(v *claim.Verdict) { v.Claims[0].Rows = []claim.Row{{File: "x", Line: -1}} },
		"an opening before the first":  func(v *claim.Verdict) { v.Connections[0].Opening = 0 },
		"a connection without ends":    func(v *claim.Verdict) { v.Connections[0].FourTuple = evidence.FourTuple{} },
		"what became of it is no word": func(v *claim.Verdict) { v.Connections[0].Outcome = "" },
		"a lab without a name":         func(v *claim.Verdict) { v.Lab = "" },
	} {
		v := sampleVerdicts()["holds"]
		spoil(&v)
		require.Error(t, validate(v), name)
	}
}
