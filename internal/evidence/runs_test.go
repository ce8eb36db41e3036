package evidence_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
)

// The runs of testdata/runs were made by lab run, of labs in which the kernel does
// what it seldom does: a connection is reset before it is accepted, both ends
// close in the dark of a cut, a listener is shared by fork, a queue is full, one
// end is half open, a router forgets a translation or is passed by, a client comes back with the
// same port, both ends connect, a port is used again from TIME_WAIT. Nothing is
// wrong with any of them.
func TestRightRunsAreRight(t *testing.T) {
	outcomes := map[string][]evidence.Outcome{
		"accept-the-dead":   {evidence.Opened},
		"both-close":        {evidence.Opened},
		"fork-listener":     {evidence.Opened, evidence.Opened, evidence.Opened, evidence.Refused},
		"full-backlog":      {evidence.Opened, evidence.Opened, evidence.Opened, evidence.Opened},
		"hairpin":           {evidence.Unanswered},
		"half-open":         {evidence.Opened},
		"nat-forgets":       {evidence.Opened},
		"rebooted-client":   {evidence.Opened, evidence.Opened},
		"simultaneous-open": {evidence.Opened},
		"time-wait-server":  {evidence.Opened, evidence.Opened, evidence.Opened, evidence.Opened},
	}
	entries, err := os.ReadDir("testdata/runs")
	require.NoError(t, err)
	require.Len(t, entries, len(outcomes))
	for _, e := range entries {
		t.Run(e.Name(), func(t *testing.T) {
			r := load(t, filepath.Join("testdata/runs", e.Name()))
			assert.Empty(t, flaws(r))
			var got []evidence.Outcome
			for i := range r.Connections {
				got = append(got, r.Connections[i].Outcome)
			}
			assert.Equal(t, outcomes[e.Name()], got)
		})
	}
}

// What is legitimate in these runs is so there only: a changed record of them is
// still wrong.
func TestEditsOfSuchRunsAreNotBelieved(t *testing.T) {
	entries, err := os.ReadDir("testdata/runs")
	require.NoError(t, err)
	every := 97
	if *all {
		every = 5
	}
	for _, entry := range entries {
		f := &folder{t, filepath.Join(t.TempDir(), "run"), make(map[string][]byte)}
		require.NoError(t, os.CopyFS(f.dir, os.DirFS(filepath.Join("testdata/runs", entry.Name()))))
		files, err := os.ReadDir(f.dir)
		require.NoError(t, err)
		var edits []edit
		for _, e := range files {
			data, err := os.ReadFile(filepath.Join(f.dir, e.Name()))
			require.NoError(t, err)
			f.kept[e.Name()] = data
			if strings.HasSuffix(e.Name(), ".jsonl") && !strings.HasSuffix(e.Name(), ".host.jsonl") {
				edits = append(edits, recordEdits(t, e.Name(), data)...)
			}
		}
		require.Empty(t, f.flaws(nil))
		slices.SortFunc(edits, func(a, b edit) int { return strings.Compare(a.name, b.name) })
		for i, e := range edits {
			if i%every != 0 || sameRecords(e.data, f.kept[e.file]) || untold(e.name) {
				continue
			}
			if len(f.flaws(map[string][]byte{e.file: e.data})) == 0 {
				t.Errorf("%s: %s: nothing is wrong", entry.Name(), e.name)
			}
		}
	}
}

// untold tells whether nobody else could tell what an edit changed.
func untold(name string) bool {
	return regexp.MustCompile(`( (time|recvQueue|sendQueue|snapshot)|"type":"(FIFO|CHR|a_inode)".* pid)=`).MatchString(name) || oneWitnessAlone(name)
}

// Five bytes wait for a server that has not accepted: no more and no fewer.
func TestBytesThatWait(t *testing.T) {
	for _, queue := range []string{"0", "4", "6"} {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS("../claim/testdata/runs/before-accept")))
		assert.Empty(t, flaws(load(t, dir)))
		waiting := []byte(`"snapshot":4,"protocol":"tcp","state":"ESTABLISHED","local":"10.12.0.10:12000","remote":"10.12.1.10:50158","recvQueue":`)
		evidencetest.Edit(t, dir, "server.sockets.jsonl", func(text []byte) []byte {
			require.Contains(t, string(text), string(waiting)+"5")
			return bytes.Replace(text, append(bytes.Clone(waiting), '5'), append(bytes.Clone(waiting), queue...), 1)
		})
		evidencetest.Reseal(t, dir)
		assert.NotEmpty(t, flaws(load(t, dir)), "%s bytes", queue)
	}
}
