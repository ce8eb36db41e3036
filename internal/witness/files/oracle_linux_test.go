package files

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var header = evidence.Header{Time: time.Unix(1, 2).UTC(), Host: "server"}

// TestListEqualsLsof has a process open one file of every kind in a network
// namespace, and looks at it with List and with lsof there.
func TestListEqualsLsof(t *testing.T) {
	needTool(t, "lsof")
	enterNamespace(t)
	zoo := start(t, "zoo", nil, folder(t))
	require.Equal(t, "ready", zoo.line(t))
	pid := zoo.Process.Pid

	rows, err := List(header, 3, pid)
	require.NoError(t, err)
	ours := texts(rows)
	require.Equal(t, lsof(t, pid), ours)
	assertKinds(t, rows)

	// The control: one file more, and the old rows are wrong.
	zoo.more(t)
	require.NotEqual(t, lsof(t, pid), ours)
}

// assertKinds checks that the oracle saw what it was meant to see.
func assertKinds(t *testing.T, rows []evidence.File) {
	t.Helper()
	var kinds, states []string
	for _, row := range rows {
		kinds, states = append(kinds, row.Type), append(states, row.State)
		assert.Equal(t, evidence.Header{Time: header.Time, Host: "server", Witness: evidence.Files}, row.Header)
		assert.Equal(t, 3, row.Snapshot)
		if row.Node == "TCP" {
			assert.NotZero(t, row.Inode)
			assert.True(t, row.Local.IsValid() && row.Remote.IsValid())
			assert.False(t, row.Local.Addr().Is4In6() || row.Remote.Addr().Is4In6())
		}
	}
	assert.Subset(t, kinds, []string{
		"DIR", "REG", "CHR", "FIFO", "a_inode", "unix", "netlink", "pack", "raw", "raw6",
		"icmp", "IPv4", "IPv6", "sock",
	})
	assert.Subset(t, states, []string{
		evidence.Listen, evidence.Established, evidence.SynSent, evidence.CloseWait, evidence.FinWait2,
	})
}

// texts are rows as lsof's columns.
func texts(rows []evidence.File) (texts []string) {
	for _, f := range rows {
		columns := []string{f.Command, fmt.Sprint(f.PID), f.User, f.FD, f.Type, f.Device, f.SizeOff, f.Node, f.Name}
		texts = append(texts, strings.Join(columns, "|"))
	}
	return texts
}

// lsof is what lsof prints of processes, without memory-mapped files.
func lsof(t testing.TB, pids ...int) (rows []string) {
	t.Helper()
	list := strings.Trim(strings.ReplaceAll(fmt.Sprint(pids), " ", ","), "[]")
	command := exec.Command("lsof", "-nP", "-a", "-p", list)
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	output, err := command.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	for _, line := range lines[1:] {
		columns := cut(lines[0], line)
		if columns[3] != "mem" && columns[3] != "DEL" {
			rows = append(rows, strings.Join(columns, "|"))
		}
	}
	return rows
}

// cut cuts a line where the titles say that the columns are: all but the first
// and the last stand below their title's end, FD by two characters further.
func cut(titles, line string) (columns []string) {
	from := 0
	for _, title := range []string{"COMMAND", " PID", " USER", " FD", " TYPE", " DEVICE", " SIZE/OFF", " NODE"} {
		to := strings.Index(titles, title) + len(title)
		switch title {
		case "COMMAND":
			to = strings.IndexByte(line, ' ')
		case " FD":
			to += 2
		}
		columns = append(columns, strings.TrimSpace(line[from:to]))
		from = to
	}
	return append(columns, strings.TrimSpace(line[from:]))
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

// folder is a new folder that any user may write to.
func folder(t testing.TB) string {
	t.Helper()
	name, err := os.MkdirTemp("", "files")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(name)) })
	require.NoError(t, os.Chmod(name, 0o777))
	return name
}
