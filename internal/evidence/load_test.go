package evidence_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
)

func load(t *testing.T, dir string) *evidence.Run {
	t.Helper()
	r, err := evidence.Load(dir)
	require.NoError(t, err)
	return r
}

// defects are all of a run's.
func defects(r *evidence.Run) []string {
	all := append([]string(nil), r.Defects...)
	for _, name := range r.Names() {
		for _, w := range []evidence.Witness{evidence.Agent, evidence.Packets, evidence.Sockets, evidence.Files, evidence.Program, evidence.Conntrack} {
			if d := r.Hosts[name].Defect(w); d != "" {
				all = append(all, name+"/"+string(w)+": "+d)
			}
		}
	}
	return all
}

func TestLoadReadsWhatWasWritten(t *testing.T) {
	for _, name := range []string{evidencetest.First, evidencetest.Masqueraded} {
		kept := load(t, evidencetest.Copy(t, name))
		assert.Empty(t, defects(kept))
		dir := t.TempDir()
		evidencetest.Read(t, name).Write(t, dir)
		r := load(t, dir)
		require.Empty(t, defects(r))
		assert.Equal(t, kept.Lab, r.Lab)
		for name, want := range kept.Hosts {
			got := r.Hosts[name]
			equal := func(want, got any) {
				t.Helper()
				assert.Empty(t, cmp.Diff(want, got, cmpopts.IgnoreFields(evidence.Packet{}, "FrameLength"), cmpopts.EquateComparable(evidencetest.ServerEnd)))
			}
			equal(want.Packets, got.Packets)
			equal(want.Sockets, got.Sockets)
			equal(want.Files, got.Files)
			equal(want.Program, got.Program)
			equal(want.Translations, got.Translations)
			assert.Equal(t, want.Snapshots, got.Snapshots)
		}
		assert.Equal(t, 1, r.Hosts["server"].Sockets[0].Line)
		assert.Equal(t, r, load(t, dir), "the same folder gives the same run")
	}
}

// edits are all the ways to edit a file that its seal must show.
func TestLoadDistrustsChangedFiles(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"another port":   func(d []byte) []byte { return bytes.ReplaceAll(d, []byte("12000"), []byte("12001")) },
		"a line less":    func(d []byte) []byte { _, rest, _ := bytes.Cut(d, []byte("\n")); return rest },
		"a line more":    func(d []byte) []byte { return append(d, d...) },
		"half a line":    func(d []byte) []byte { return d[:len(d)-5] },
		"nothing left":   func([]byte) []byte { return nil },
		"something else": func([]byte) []byte { return []byte("{}\n") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := evidencetest.Copy(t, evidencetest.First)
			evidencetest.Edit(t, dir, "server.sockets.jsonl", change)
			r := load(t, dir)
			all := defects(r)
			require.Len(t, all, 1)
			assert.Contains(t, all[0], "server/sockets: server.sockets.jsonl was changed after server sealed it")
			assert.Empty(t, r.Hosts["server"].Sockets)
		})
	}
}

// Every file of the folder that is gone is missed, and is a defect of its witness.
func TestLoadMissesEveryFile(t *testing.T) {
	sample := evidencetest.Copy(t, evidencetest.Masqueraded)
	for _, name := range names(t, sample) {
		if !strings.HasSuffix(name, ".jsonl") && !strings.HasSuffix(name, ".pcapng") {
			continue
		}
		path := filepath.Join(sample, name)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.Remove(path))
		assert.Contains(t, strings.Join(defects(load(t, sample)), "\n"), name+" is missing")
		require.NoError(t, os.WriteFile(path, data, 0o644))
	}
	assert.Empty(t, defects(load(t, sample)))
}
