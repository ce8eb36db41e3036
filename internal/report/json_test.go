package report

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
)

func TestJSON(t *testing.T) {
	for name, v := range map[string]claim.Verdict{
		"holds":   sampleVerdict(visits()),
		"refuted": refuted(),
		"empty":   {Lab: "empty", Outcome: claim.NotShown},
	} {
		golden(t, "verdict-"+name+".json", func(w io.Writer) error { return JSON(w, v) })
	}
}

// The names and their order are the contract with whoever reads verdict.json.
func TestJSONHasTheContractsNamesInOrder(t *testing.T) {
	var b strings.Builder
	require.NoError(t, JSON(&b, refuted()))
	want := []string{
		"lab", "verdict",
		"claims", "claim", "text", "verdict", "reason",
		"connections", "client", "server", "source", "destination", "translated", "source", "destination", "witnesses",
		"client.packets", "client.sockets", "client.program",
		"server.packets", "server.sockets", "server.files", "server.program",
	}
	require.Equal(t, want, firstKeys(t, b.String()))
}

// firstKeys are the keys of an object in their order; of a list only those of
// its first element.
func firstKeys(t *testing.T, text string) []string {
	t.Helper()
	var keys []string
	d := json.NewDecoder(strings.NewReader(text))
	var value func(note bool)
	value = func(note bool) {
		token, err := d.Token()
		require.NoError(t, err)
		for n := 0; (token == json.Delim('{') || token == json.Delim('[')) && d.More(); n++ {
			if token == json.Delim('{') {
				key, err := d.Token()
				require.NoError(t, err)
				if note {
					keys = append(keys, key.(string))
				}
			}
			value(note && (token == json.Delim('{') || n == 0))
		}
		if _, nested := token.(json.Delim); nested {
			_, err := d.Token()
			require.NoError(t, err)
		}
	}
	value(true)
	return keys
}

func TestJSONIsOneObject(t *testing.T) {
	v := refuted()
	v.Lab = "<b>&\u2028\n\xff"
	var b strings.Builder
	require.NoError(t, JSON(&b, v))
	require.Contains(t, b.String(), "<b>&", "readable as it is, and harmless in JSON")
	d := json.NewDecoder(strings.NewReader(b.String()))
	var back claim.Verdict
	require.NoError(t, d.Decode(&back))
	require.False(t, d.More())
	v.Lab = "<b>&\u2028\n\ufffd"
	require.Equal(t, v, back)
}
