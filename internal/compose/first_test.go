package compose_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/topology"
)

var update = flag.Bool("update", false, "write the golden files anew")

const firstLab = "../../docker-compose.yml"

func parse(t testing.TB, name string, text string) *topology.Lab {
	t.Helper()
	lab, err := compose.Parse("folder", file(name, []byte(text)), nil)
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

// The lab of small.yml with everything that can be said of a host:
//
//	server ── home ── router ── cafe ── client1
func TestLabIsAValue(t *testing.T) {
	text, err := json.MarshalIndent(parse(t, "lab.yml", busy(t)), "", "  ")
	require.NoError(t, err)
	golden(t, "busy.json", append(text, '\n'))
}

func TestFirstLabMovesWithItsPrefix(t *testing.T) {
	text := read(t, firstLab)
	moved, err := compose.Parse("folder", file(firstLab, text), map[string]string{"LAB_PREFIX": "10.99"})
	require.NoError(t, err)
	server, _ := moved.Host("server")
	assert.Equal(t, "10.99.0.10", server.Links[0].Address.Addr().String())
	client, _ := moved.Host("client1")
	assert.Contains(t, client.Program, "10.99.0.10:12000")
	assert.Equal(t, "10.99.1.254", client.Routes[0].Gateway.String())
}

func BenchmarkParseFirstLab(b *testing.B) {
	text := read(b, firstLab)
	for b.Loop() {
		if _, err := compose.Parse("folder", file(firstLab, text), nil); err != nil {
			b.Fatal(err)
		}
	}
}
