package table

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
)

// A cell of a row, which is told apart by what every witness of it has.
type cell struct{ table, row, column string }

func identity(r *Row) string {
	switch record := r.record.(type) {
	case *connection:
		return record.FourTuple.String()
	case *evidence.StepRow:
		return fmt.Sprint(record.Number, record.Host)
	}
	return r.Text()
}

// cells are all cells of a run folder.
func cells(t *testing.T, dir string) map[cell]Value {
	t.Helper()
	run, err := evidence.Load(dir)
	require.NoError(t, err)
	tables := Open(run)
	all := make(map[cell]Value)
	for _, k := range Kinds() {
		names := []string{k.Name}
		if k.OfHost {
			names = nil
			for _, h := range run.Lab.Hosts {
				if k.has(&h) == nil {
					names = append(names, h.Name+"."+k.Name)
				}
			}
		}
		for _, name := range names {
			rows, _, err := tables.Rows(name, Span{})
			require.NoError(t, err)
			for _, r := range rows {
				for _, c := range k.Columns {
					all[cell{name, identity(r), c.Name}] = r.Cell(c.Name, Quorum{})
				}
			}
		}
	}
	return all
}

// In a run in which nothing went wrong everything is known, of every table.
func TestKeptRuns(t *testing.T) {
	for run, want := range map[string]map[string]any{
		evidencetest.First:       {"changed": false, "client.address": "10.12.1.10", "translated.source.address": "10.12.1.10", "client.subnet": "cafe", "path": "router", "client.text": "Hello from the cafe", "client.state": "ESTABLISHED"},
		evidencetest.Masqueraded: {"changed": true, "client.address": "10.12.1.10", "translated.source.address": "10.12.0.254", "client.subnet": "home", "path": "router", "client.text": "Hello from the cafe", "client.state": "ESTABLISHED"},
	} {
		dir := evidencetest.Copy(t, run)
		for at, v := range cells(t, dir) {
			assert.Empty(t, append(v.Unknown, v.Blocked...), "%s: %v", run, at)
		}
		loaded, err := evidence.Load(dir)
		require.NoError(t, err)
		tables := Open(loaded)
		for table, n := range map[string]int{"server.sockets": 4, "connections": 3, "datagrams": 0, "client1.files": 6, "server.program": 13, "steps": 13} {
			rows, gap, err := tables.Rows(table, Span{})
			require.NoError(t, err)
			assert.Empty(t, gap, table)
			assert.Len(t, rows, n, table)
		}
		rows, _, err := tables.Rows("connections", Span{})
		require.NoError(t, err)
		for column, value := range want {
			assert.Equal(t, value, rows[0].Cell(column, Quorum{}).Value, "%s: %s", run, column)
		}
	}
}

// Without a file less is known, and nothing else is.
func TestRemovedFiles(t *testing.T) {
	for _, run := range []string{evidencetest.First, evidencetest.Masqueraded} {
		whole := cells(t, evidencetest.Copy(t, run))
		files, err := filepath.Glob(filepath.Join(evidencetest.Copy(t, run), "*.*"))
		require.NoError(t, err)
		for _, file := range files {
			name := filepath.Base(file)
			if slices.Contains([]string{evidence.LabFile, evidence.SourceFile}, name) {
				continue
			}
			dir := evidencetest.Copy(t, run)
			require.NoError(t, os.Remove(filepath.Join(dir, name)))
			for at, v := range cells(t, dir) {
				was, ok := whole[at]
				switch {
				case v.Value == nil:
				case ok:
					assert.Equal(t, was.Value, v.Value, "%s without %s: %v", run, name, at)
				case strings.HasPrefix(at.row, "10.12.0.254:") && strings.HasPrefix(at.column, "server."):
					// The half of a connection that the server has.
				default:
					assert.Fail(t, "it was not there", "%s without %s: %v", run, name, at)
				}
			}
		}
	}
}
