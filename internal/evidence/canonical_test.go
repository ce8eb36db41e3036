package evidence

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readBoth reads a line in both ways: what the fast one takes, the other takes
// for the same.
func readBoth[R any](t *testing.T, line []byte) (fast bool) {
	t.Helper()
	var got, want R
	if fast = newCanonical(reflect.TypeFor[R]()).read(line, reflect.ValueOf(&got).Elem()); fast {
		require.NoError(t, readRow(line, &want), "%s", line)
		require.Equal(t, want, got)
	}
	return fast
}

// All rows that hosts wrote, but those of their accounts, are read fast.
func TestCanonicalReadsWhatHostsWrite(t *testing.T) {
	files, err := filepath.Glob("evidencetest/testdata/*/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(data)) {
			switch {
			case strings.HasSuffix(name, ".sockets.jsonl"):
				assert.True(t, readBoth[Socket](t, []byte(line)), line)
			case strings.HasSuffix(name, ".files.jsonl"):
				assert.True(t, readBoth[File](t, []byte(line)), line)
			case strings.HasSuffix(name, ".program.jsonl"):
				assert.True(t, readBoth[ProgramEvent](t, []byte(line)), line)
			case strings.HasSuffix(name, ".conntrack.jsonl"):
				assert.True(t, readBoth[Translation](t, []byte(line)), line)
			}
		}
	}
}

// What is no row in an agent's form is not read fast.
func TestCanonicalReadsNothingElse(t *testing.T) {
	row, err := json.Marshal(Socket{
		Header: Header{Host: "server", Witness: Sockets}, Snapshot: 2, Protocol: "tcp6", State: Listen,
		Local: netip.MustParseAddrPort("[fe80::1%2]:12000"), Remote: netip.MustParseAddrPort("[::]:0"), Interface: 2,
	})
	require.NoError(t, err)
	line := string(row) + "\n"
	require.True(t, readBoth[Socket](t, []byte(line)), line)
	for name, change := range map[string][2]string{
		"a field less":        {`"recvQueue":0,`, ``},
		"a field more":        {`"recvQueue":0,`, `"recvQueue":0,"port":1,`},
		"a field twice":       {`"recvQueue":0,`, `"recvQueue":0,"recvQueue":0,`},
		"another order":       {`"recvQueue":0,"sendQueue":0`, `"sendQueue":0,"recvQueue":0`},
		"a space":             {`"recvQueue":0`, `"recvQueue": 0`},
		"a zero written":      {`"interface":2`, `"interface":0`},
		"a zero before":       {`"interface":2`, `"interface":02`},
		"a sign":              {`"interface":2`, `"interface":-2`},
		"minus zero":          {`"snapshot":2`, `"snapshot":-0`},
		"too large":           {`"interface":2`, `"interface":4294967296`},
		"far too large":       {`"interface":2`, `"interface":18446744073709551618`},
		"a fraction":          {`"interface":2`, `"interface":2.0`},
		"a text":              {`"interface":2`, `"interface":"2"`},
		"an address in full":  {`[fe80::1%2]`, `[fe80:0::1%2]`},
		"a time in zeroes":    {`0001-01-01T00:00:00Z`, `0001-01-01T00:00:00.00Z`},
		"a time elsewhere":    {`0001-01-01T00:00:00Z`, `0001-01-01T00:00:00+01:00`},
		"an escape":           {`"server"`, `"serv\u0065r"`},
		"a broken character":  {`"server"`, "\"serv\xffr\""},
		"a control character": {`"server"`, "\"serv\x01r\""},
		"no end":              {"}\n", "}"},
		"something behind":    {"}\n", "}{}\n"},
		"half":                {`"state":"LISTEN","local"`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(line, change[0], change[1], 1)
			require.NotEqual(t, line, changed)
			assert.False(t, readBoth[Socket](t, []byte(changed)), changed)
		})
	}
}

func FuzzCanonical(f *testing.F) {
	files, err := filepath.Glob("evidencetest/testdata/*/*.jsonl")
	require.NoError(f, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		for line := range strings.Lines(string(data)) {
			f.Add([]byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		readBoth[Socket](t, line)
		readBoth[File](t, line)
		readBoth[ProgramEvent](t, line)
		readBoth[Translation](t, line)
		readBoth[HostEvent](t, line)
	})
}
