package evidence

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const labText = "x-lab: {name: test}\n"

// writeRun leaves a run folder of one host, written as hosts write it.
func writeRun(t *testing.T, lab string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, WriteFile(dir, LabFile, []byte(labText)))
	header := func(w Witness) Header { return Header{Time: time.Now().UTC(), Host: "server", Witness: w} }
	account, err := Create(dir, "server", Agent)
	require.NoError(t, err)
	require.NoError(t, Append(account, HostEvent{Header: header(Agent), Event: HostRegistered, Lab: LabHash([]byte(lab))}))
	var seals []Seal
	for _, w := range []Witness{Sockets, Files, Program, Packets} {
		out, err := Create(dir, "server", w)
		require.NoError(t, err)
		switch w {
		case Sockets:
			require.NoError(t, Append(out, Socket{Header: header(w), Local: there, Remote: here, State: Established}, Socket{Header: header(w), State: Listen}))
		case Files:
			require.NoError(t, Append(out, File{Header: header(w), Local: there, Remote: here}))
		case Program:
			require.NoError(t, Append(out, Account{Header: header(w), Event: SaidAccepted, Local: there, Remote: here}))
		case Packets:
			_, err := out.Write(emptyCapture(t))
			require.NoError(t, err)
		}
		seal, err := out.Close()
		require.NoError(t, err)
		seals = append(seals, seal)
	}
	require.NoError(t, Append(account, HostEvent{Header: header(Agent), Event: HostClosed, Seals: seals}))
	_, err = account.Close()
	require.NoError(t, err)
	return dir
}

func load(t *testing.T, dir string) *Host {
	t.Helper()
	run, err := Load(os.DirFS(dir))
	require.NoError(t, err)
	require.Equal(t, []string{"server"}, run.Names())
	return run.Hosts["server"]
}

func TestLoadReadsWhatWasWritten(t *testing.T) {
	h := load(t, writeRun(t, labText))
	for _, w := range []Witness{Agent, Packets, Sockets, Files, Program} {
		assert.Empty(t, h.Flaw(w), w)
	}
	assert.Len(t, h.Sockets, 2)
	assert.Len(t, h.Files, 1)
	assert.Len(t, h.Accounts, 1)
	assert.Equal(t, there, h.Sockets[0].Local)
}

// Whoever changes a file afterwards, in whatever way, has no evidence.
func TestLoadDistrustsChangedFiles(t *testing.T) {
	edit := func(change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, file string) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, change(data), 0o644))
		}
	}
	changes := map[string]func(*testing.T, string){
		"another port":   edit(func(d []byte) []byte { return bytes.ReplaceAll(d, []byte("12000"), []byte("12001")) }),
		"a line less":    edit(func(d []byte) []byte { _, rest, _ := bytes.Cut(d, []byte("\n")); return rest }),
		"a line more":    edit(func(d []byte) []byte { return append(d, d...) }),
		"half a line":    edit(func(d []byte) []byte { return d[:len(d)-5] }),
		"nothing left":   edit(func([]byte) []byte { return nil }),
		"no such file":   func(t *testing.T, file string) { require.NoError(t, os.Remove(file)) },
		"something else": edit(func([]byte) []byte { return []byte("{}\n") }),
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			dir := writeRun(t, labText)
			change(t, filepath.Join(dir, "server.sockets.jsonl"))
			h := load(t, dir)
			assert.Contains(t, h.Flaw(Sockets), "server.sockets.jsonl")
			assert.Empty(t, h.Sockets)
			assert.Empty(t, h.Flaw(Files))
		})
	}
}

func TestLoadTakesWhatADeadHostLeft(t *testing.T) {
	dir := writeRun(t, labText)
	account := filepath.Join(dir, "server.host.jsonl")
	data, err := os.ReadFile(account)
	require.NoError(t, err)
	line, _, _ := bytes.Cut(data, []byte("\n"))
	require.NoError(t, os.WriteFile(account, append(line, '\n'), 0o644))
	sockets := filepath.Join(dir, "server.sockets.jsonl")
	rows, err := os.ReadFile(sockets)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(sockets, rows[:len(rows)-10], 0o644))

	h := load(t, dir)
	assert.Len(t, h.Sockets, 1, "the whole line counts")
	assert.Len(t, h.Files, 1)
	for _, w := range []Witness{Agent, Packets, Sockets, Files, Program} {
		assert.Contains(t, h.Flaw(w), "cut short", w)
	}
}

func TestLoadDistrustsAnotherLab(t *testing.T) {
	h := load(t, writeRun(t, "x-lab: {name: another}\n"))
	for _, w := range []Witness{Agent, Packets, Sockets, Files, Program} {
		assert.Equal(t, "lab.yml is not the lab that server was part of", h.Flaw(w), w)
	}
}

func TestLoadDistrustsFilesWithoutAnAgent(t *testing.T) {
	dir := writeRun(t, labText)
	require.NoError(t, os.Remove(filepath.Join(dir, "server.host.jsonl")))
	h := load(t, dir)
	assert.Equal(t, "server.host.jsonl is missing", h.Flaw(Sockets))
	assert.Empty(t, h.Sockets)
}

func TestLoadWantsARun(t *testing.T) {
	_, err := Load(os.DirFS(t.TempDir()))
	assert.EqualError(t, err, "no lab.yml in it: not the folder of a run")
}

func TestFlawOfNoHost(t *testing.T) {
	var none *Host
	assert.Equal(t, "no evidence of this host", none.Flaw(Packets))
}

func TestSealsNameDropsAndErrors(t *testing.T) {
	for name, seal := range map[string]Seal{"drops": {Dropped: 3}, "error": {Error: "no space left on device"}} {
		t.Run(name, func(t *testing.T) {
			h := &Host{Name: "server", flaws: make(map[Witness]string)}
			seal.SHA256 = LabHash(nil)
			dir := t.TempDir()
			require.NoError(t, WriteFile(dir, "server.sockets.jsonl", nil))
			h.load(os.DirFS(dir), Sockets, map[Witness]Seal{Sockets: seal})
			assert.True(t, strings.HasPrefix(h.Flaw(Sockets), "server.sockets.jsonl is incomplete"), h.Flaw(Sockets))
		})
	}
}

func FuzzParseLines(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-01T00:00:00Z","host":"server","witness":"sockets","local":"10.12.0.10:12000"}` + "\n"))
	f.Add([]byte("{}\n{"))
	f.Add([]byte(`{"time":"2026-01-01T00:00:00Z","host":"server","witness":"files"}` + "\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, flaw := parseLines(data, "server", Sockets, func(s Socket) Header { return s.Header })
		for _, row := range rows {
			if row.Host != "server" || row.Witness != Sockets || row.Time.IsZero() {
				t.Fatalf("a record of %q by %q passed", row.Host, row.Witness)
			}
		}
		if lines := bytes.Count(data, []byte("\n")); flaw == "" && len(rows) != lines {
			t.Fatalf("%d lines, %d records and no flaw", lines, len(rows))
		}
	})
}
