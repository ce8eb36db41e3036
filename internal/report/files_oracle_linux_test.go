package report

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// lsof tells of a process that does nothing, once as fields for programs and
// once as the table for people. Our table of the fields is its table.
func TestFilesAsLsofPrintsThem(t *testing.T) {
	pid, other := sleeper(t), sleeper(t)
	for name, args := range map[string][]string{
		"everything":    {"-nP", "-p", pid},
		"sockets":       {"-nP", "-a", "-p", pid, "-iTCP"},
		"words only":    {"-nP", "-a", "-p", pid, "-d", "cwd,txt"},
		"two processes": {"-nP", "-p", pid + "," + other},
		"one letter":    {"-nP", "-a", "-p", pid, "-d", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := lsofRows(t, args)
			require.NotEmpty(t, rows)
			require.Equal(t, tool(t, "lsof", args...), fileTable(t, rows))
		})
	}
}

// The control: one descriptor more, and the tables differ.
func TestFilesNotAsLsofPrintsThem(t *testing.T) {
	args := []string{"-nP", "-a", "-p", sleeper(t), "-iTCP"}
	rows, want := lsofRows(t, args), tool(t, "lsof", args...)
	require.Equal(t, want, fileTable(t, rows))
	rows[0].FD = "4" + rows[0].FD
	require.NotEqual(t, want, fileTable(t, rows))
}

func fileTable(t *testing.T, rows []evidence.File) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, Files(&b, "", rows))
	return b.String()
}

// sleeper starts a process that sleeps and has sockets: a listening one, both
// ends of a connection, and an IPv6 one that listens. It returns its pid.
func sleeper(t *testing.T) string {
	t.Helper()
	requireIPv6(t)
	four, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	six, err := net.Listen("tcp6", "[::]:0")
	require.NoError(t, err)
	dialled, err := net.Dial("tcp4", four.Addr().String())
	require.NoError(t, err)
	accepted, err := four.Accept()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	for _, socket := range []interface {
		File() (*os.File, error)
		Close() error
	}{four.(*net.TCPListener), six.(*net.TCPListener), dialled.(*net.TCPConn), accepted.(*net.TCPConn)} {
		file, err := socket.File()
		require.NoError(t, err)
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
		require.NoError(t, socket.Close())
	}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait(), "it was killed")
	})
	for _, file := range cmd.ExtraFiles {
		require.NoError(t, file.Close())
	}
	return strconv.Itoa(cmd.Process.Pid)
}

// lsofRows are the rows that lsof -F0 gives: a line for each process, and one
// for each of its files, of fields that begin with a letter and end with NUL.
// With the offset among the fields lsof gives no sizes; the sleeper has read
// nothing, so all its offsets are 0.
func lsofRows(t *testing.T, args []string) []evidence.File {
	t.Helper()
	var rows []evidence.File
	var process evidence.File
	for line := range strings.Lines(tool(t, "lsof", append([]string{"-F0pcLftalDdrsiPnT"}, args...)...)) {
		fields := make(map[byte]string)
		for field := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\x00") {
			if field != "" && (field[0] != 'T' || strings.HasPrefix(field, "TST=")) {
				fields[field[0]] = field[1:]
			}
		}
		if _, ok := fields['p']; ok {
			pid, err := strconv.Atoi(fields['p'])
			require.NoError(t, err)
			process = evidence.File{PID: pid, Command: fields['c'], User: fields['L']}
			continue
		}
		row := process
		row.FD, row.Type = fields['f']+strings.TrimSpace(fields['a']+fields['l']), fields['t']
		row.Device = firstOf(fields['d'], device(t, fields['r']), device(t, fields['D']))
		row.SizeOff, row.Node, row.Name = firstOf(fields['s'], "0t0"), firstOf(fields['i'], fields['P']), fields['n']
		if state, ok := strings.CutPrefix(fields['T'], "ST="); ok {
			row.Name += " (" + state + ")"
		}
		rows = append(rows, row)
	}
	return rows
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// device writes 0xfe00 as 254,0 (makedev(3)).
func device(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return ""
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	require.NoError(t, err)
	return strconv.FormatUint(n>>8&0xfff, 10) + "," + strconv.FormatUint(n&0xff|n>>12&0xfff00, 10)
}
