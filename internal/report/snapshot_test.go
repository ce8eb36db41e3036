package report

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestLastSnapshot(t *testing.T) {
	of := func(snapshot int, states ...string) []evidence.Socket {
		var rows []evidence.Socket
		for _, state := range states {
			rows = append(rows, evidence.Socket{Snapshot: snapshot, State: state})
		}
		return rows
	}
	const listen, open, wait = evidence.Listen, evidence.Established, evidence.TimeWait
	for name, test := range map[string]struct{ rows, want []evidence.Socket }{
		"nothing":                  {nil, nil},
		"the last":                 {append(of(1, listen, open), of(2, listen, open)...), of(2, listen, open)},
		"the fullest":              {append(of(1, listen, open, open), of(2, listen, open, wait)...), of(1, listen, open, open)},
		"before all was closed":    {append(append(of(1, listen), of(2, listen, open)...), of(3, listen, wait)...), of(2, listen, open)},
		"none established":         {append(of(1, listen), of(2, listen, wait)...), of(2, listen, wait)},
		"in any order, order kept": {append(append(of(2, open), of(1, open)...), of(2, listen)...), append(of(2, open), of(2, listen)...)},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, LastSnapshot(test.rows)) })
	}
}

func TestLastSnapshotOfFiles(t *testing.T) {
	rows := []evidence.File{
		{Snapshot: 1, State: evidence.Established, FD: "4u"},
		{Snapshot: 2, Type: "CHR", FD: "0r"},
		{Snapshot: 1, Type: "CHR", FD: "0r"},
	}
	require.Equal(t, []evidence.File{rows[0], rows[2]}, LastSnapshot(rows))
}
