package report

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
)

// What real runs left is shown in every form, and their verdicts are what the
// schema says.
func TestKeptRuns(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("schema/verdict.schema.json")
	require.NoError(t, err)
	for _, name := range []string{"first", "masqueraded"} {
		run, err := evidence.Load(evidencetest.Copy(t, name))
		require.NoError(t, err)
		v := claim.Judge(run)
		var b bytes.Buffer
		require.NoError(t, JSON(&b, v))
		value, err := jsonschema.UnmarshalJSON(&b)
		require.NoError(t, err)
		require.NoError(t, schema.Validate(value), name)
		require.Empty(t, complaints(parse(t, Page{run, v, ""})), name)
		require.NoError(t, Steps(&b, run, "", Style{}))
		require.Contains(t, b.String(), "snapshot settled", name)
	}
}
