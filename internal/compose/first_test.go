package compose_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

var update = flag.Bool("update", false, "write the golden files anew")

const firstLab = "../../docker-compose.yml"

func parse(t testing.TB, name string, text string) *topology.Lab {
	t.Helper()
	lab, err := topology.Parse(name, []byte(text), nil)
	require.NoError(t, err)
	return lab
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o644))
	}
	assert.Equal(t, string(read(t, file)), string(got), "run go test -update if this is meant")
}

// The first lab, as the README draws it:
//
//	server ── home ── router ┬─ cafe ─── client1
//	                         ├─ office ─ client2
//	                         └─ campus ─ client3
func TestFirstLab(t *testing.T) {
	lab := parse(t, firstLab, string(read(t, firstLab)))
	golden(t, "first.yml", lab.Source)
	lab.Source = nil
	text, err := json.MarshalIndent(lab, "", "  ")
	require.NoError(t, err)
	golden(t, "first.json", append(text, '\n'))
}

func TestFirstLabMovesWithItsPrefix(t *testing.T) {
	text := read(t, firstLab)
	moved, err := topology.Parse(firstLab, text, map[string]string{"LAB_PREFIX": "10.99"})
	require.NoError(t, err)
	server, _ := moved.Host("server")
	assert.Equal(t, "10.99.0.10", server.Address().String())
	client, _ := moved.Host("client1")
	assert.Contains(t, client.Program, "10.99.0.10:12000")
	assert.Equal(t, "10.99.1.254", client.Routes[0].Gateway.String())
	assert.NotContains(t, string(moved.Source), "10.12")
}

func BenchmarkParseFirstLab(b *testing.B) {
	text := read(b, firstLab)
	for b.Loop() {
		if _, err := topology.Parse(firstLab, text, nil); err != nil {
			b.Fatal(err)
		}
	}
}
