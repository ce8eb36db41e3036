package evidence_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

var lab = &topology.Lab{Name: "tiny", Hosts: []topology.Host{{Name: "a"}}}

func create(t *testing.T, dir string) *evidence.Folder {
	t.Helper()
	f, err := evidence.Create(dir, lab, []byte("x-lab: {}\n"), evidence.Versions{})
	require.NoError(t, err)
	return f
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCreateWritesTheLab(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "one")
	f := create(t, dir)
	data, err := os.ReadFile(filepath.Join(dir, evidence.LabFile))
	require.NoError(t, err)
	sum := sha256.Sum256(data)
	assert.Equal(t, hex.EncodeToString(sum[:]), f.LabHash)
	var got evidence.AsRun
	require.NoError(t, json.Unmarshal(data, &got))
	assert.Equal(t, evidence.AsRun{Run: f.ID, Lab: *lab}, got)
	assert.Len(t, f.ID, 32)
	require.NoError(t, f.Append("a", evidence.Sockets, []byte("one\n")))
	require.NoError(t, f.Append("a", evidence.Sockets, []byte("two\n")))
	require.NoError(t, f.WriteFile(evidence.VerdictFile, []byte("{}")))
	require.NoError(t, f.Close())
	assert.Equal(t, []string{"a.sockets.jsonl", "lab.json", "lab.yml", "verdict.json"}, names(t, dir))
	rows, err := os.ReadFile(filepath.Join(dir, "a.sockets.jsonl"))
	require.NoError(t, err)
	assert.Equal(t, "one\ntwo\n", string(rows))

	again := create(t, dir)
	assert.NotEqual(t, f.ID, again.ID)
	assert.Equal(t, []string{"lab.json", "lab.yml"}, names(t, dir), "the older run is gone")
	require.NoError(t, again.Close())
}

func TestCreateRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string) string
		want    string
	}{
		"a stranger": {func(t *testing.T, dir string) string {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "lab.json"), nil, 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis\x1b.tex"), nil, 0o644))
			return dir
		}, `holds "thesis\x1b.tex", which is no part of a run: nothing in it was touched`},
		"a folder inside": {func(t *testing.T, dir string) string {
			require.NoError(t, os.Mkdir(filepath.Join(dir, "lab.json"), 0o755))
			return dir
		}, "which is no part of a run"},
		"a link": {func(t *testing.T, dir string) string {
			link := filepath.Join(dir, "link")
			require.NoError(t, os.Symlink(t.TempDir(), link))
			return link
		}, "is a link: name the folder that it leads to"},
		"a file": {func(t *testing.T, dir string) string {
			file := filepath.Join(dir, "file")
			require.NoError(t, os.WriteFile(file, nil, 0o644))
			return file
		}, "not a directory"},
		"another coordinator": {func(t *testing.T, dir string) string {
			f := create(t, dir)
			t.Cleanup(func() { assert.NoError(t, f.Close()) })
			return dir
		}, "is in use by another run: wait for its end"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := c.prepare(t, parent)
			before := names(t, parent)
			_, err := evidence.Create(dir, lab, nil, evidence.Versions{})
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "\x1b")
			assert.Equal(t, before, names(t, parent))
		})
	}
}

// Neither a run nor a page goes through a link that somebody has put there.
func TestNothingIsWrittenThroughALink(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("keep"), 0o644))
	link := func(name string) { require.NoError(t, os.Symlink(victim, filepath.Join(dir, name))) }
	link("lab.json")
	link("a.sockets.jsonl")
	f := create(t, dir)
	link("a.files.jsonl")
	assert.Error(t, f.Append("a", evidence.Files, []byte("x\n")))
	require.NoError(t, f.Append("a", evidence.Sockets, []byte("x\n")))
	require.NoError(t, os.Remove(filepath.Join(dir, "a.sockets.jsonl")))
	link("a.sockets.jsonl")
	assert.ErrorContains(t, f.Append("a", evidence.Sockets, []byte("x\n")), "a.sockets.jsonl is no regular file")
	link("report.html")
	link("report.html.new")
	require.NoError(t, f.Close())
	require.NoError(t, evidence.WriteFile(dir, evidence.ReportFile, []byte("page")))
	kept, err := os.ReadFile(victim)
	require.NoError(t, err)
	assert.Equal(t, "keep", string(kept))
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	assert.Equal(t, "page", string(page))
}

func TestDiscard(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	f := create(t, dir)
	require.NoError(t, f.Append("a", evidence.Agent, []byte("{}\n")))
	require.NoError(t, f.Append("a", evidence.Packets, nil))
	require.NoError(t, f.Discard())
	assert.NoDirExists(t, dir)
}
