package sockets

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var header = evidence.Header{Time: time.Unix(1, 2).UTC(), Host: "server"}

// An oracle is a tool that prints the socket table, and the way in which it
// would print our rows.
type oracle struct {
	command []string
	// read gives the tool's rows from its output, print ours in the same form.
	read  func(output string) []string
	print func(evidence.Socket) string
}

var oracles = map[string]oracle{
	"ss":      {[]string{"ss", "-H", "-tanOe"}, readSS, printSS},
	"netstat": {[]string{"netstat", "-tanWe"}, readNetstat, printNetstat},
}

// TestDumpEqualsTools has sockets in every state in a namespace, and reads them
// by sock_diag, by ss (sock_diag too, another reader) and by netstat (procfs).
func TestDumpEqualsTools(t *testing.T) {
	for name, tool := range oracles {
		t.Run(name, func(t *testing.T) {
			needTool(t, tool.command[0])
			enterNamespace(t)
			makeStates(t)
			table := open(t)

			ours, theirs := agree(t, table, tool)
			require.Equal(t, theirs, ours)
			assert.Subset(t, states(t, table), []string{
				evidence.Listen, evidence.SynSent, evidence.SynReceived, evidence.Established,
				evidence.FinWait1, evidence.FinWait2, evidence.TimeWait, evidence.CloseWait,
				evidence.LastAck, evidence.Closing,
			})

			// The control: one socket more, and the old rows are wrong.
			newRaw(t, unix.AF_INET).keep().listen("127.0.0.1:19999", 1)
			require.NotEqual(t, tool.rows(t), ours)
		})
	}
}

// agree dumps until the table does not change while the tool looks at it too.
func agree(t *testing.T, table *Table, tool oracle) (ours, theirs []string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		before := printed(t, table, tool)
		theirs = tool.rows(t)
		ours = printed(t, table, tool)
		if slices.Equal(before, ours) && (slices.Equal(ours, theirs) || time.Now().After(deadline)) {
			return ours, theirs
		}
		require.True(t, time.Now().Before(deadline), "the socket table does not come to rest")
		time.Sleep(10 * time.Millisecond)
	}
}

func printed(t *testing.T, table *Table, tool oracle) []string {
	t.Helper()
	rows, err := table.Dump(header, 1)
	require.NoError(t, err)
	var texts []string
	for _, row := range rows {
		texts = append(texts, tool.print(row))
	}
	slices.Sort(texts)
	return texts
}

func (o oracle) rows(t *testing.T) []string {
	t.Helper()
	output, err := exec.Command(o.command[0], o.command[1:]...).Output()
	require.NoError(t, err)
	rows := o.read(string(output))
	slices.Sort(rows)
	return rows
}

func states(t *testing.T, table *Table) (names []string) {
	t.Helper()
	rows, err := table.Dump(header, 1)
	require.NoError(t, err)
	for _, row := range rows {
		names = append(names, row.State)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func open(t testing.TB) *Table {
	t.Helper()
	table, err := Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	return table
}

// needTool skips where an oracle is not installed. CI promises that it is.
func needTool(t testing.TB, name string) {
	t.Helper()
	_, err := exec.LookPath(name)
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, which CI promises", name)
	}
	t.Skipf("%s is not installed", name)
}
