package evidence

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The published schema of events takes what the README shows, and what it refuses
// is no event for an agent either.
func TestEventSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("schema/event.schema.json")
	require.NoError(t, err)
	check := func(line []byte) (bySchema, byAgent error) {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		require.NoError(t, err)
		var e ProgramEvent
		if byAgent = json.Unmarshal(line, &e); byAgent == nil {
			byAgent = e.Check()
		}
		return schema.Validate(value), byAgent
	}
	for _, name := range []string{"../../README.md", "../../README.ko.md"} {
		readme, err := os.ReadFile(name)
		require.NoError(t, err)
		shown := 0
		for line := range bytes.Lines(readme) {
			if bytes.HasPrefix(line, []byte(`{"event"`)) {
				shown++
				bySchema, byAgent := check(line)
				assert.NoError(t, bySchema, "%s", line)
				assert.NoError(t, byAgent, "%s", line)
			}
		}
		assert.NotZero(t, shown, name)
	}
	for _, line := range []string{
		`{"event":"prompt"}`,
		`{"event":"call","typed":"listen 12000","call":"bind","socket":"s","fd":3,"local":"0.0.0.0:12000","result":-1,"errno":"EADDRINUSE"}`,
		`{"event":"answer","typed":"accept","call":"accept","socket":"s","fd":3,"waiting":true}`,
	} {
		bySchema, byAgent := check([]byte(line))
		assert.NoError(t, bySchema, line)
		assert.NoError(t, byAgent, line)
	}
	for _, line := range []string{
		`{"event":"arrived"}`,
		`{"event":"accepted","local":"10.12.0.10:12000"}`,
		`{"event":"sent","local":"10.12.0.10:1","remote":"10.12.0.11:2","bytes":-1}`,
		`{"event":"listening","local":"12000"}`,
		`{"event":"sent","local":"10.12.0.10:1","remote":"10.12.0.11:2","bytes":1,"text":"a","base64":"YQ=="}`,
		`{"event":"call","call":"bind","fd":3,"result":-1,"errno":"in use"}`,
	} {
		bySchema, byAgent := check([]byte(line))
		assert.Error(t, bySchema, line)
		assert.Error(t, byAgent, line)
	}
}
