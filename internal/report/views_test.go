package report

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestSockets(t *testing.T) {
	server := sampleRun(visits()).Hosts["server"]
	rows := LastSnapshot(server.Sockets)
	rows[1].RecvQueue, rows[2].SendQueue = 12, 1234567
	rows = append(rows,
		evidence.Socket{Protocol: "tcp6", State: evidence.Listen, Local: end("[::]:22"), Remote: end("[::]:0"), SendQueue: 128},
		evidence.Socket{Protocol: "tcp6", State: evidence.Established, Local: serverEnd, Remote: end("10.12.1.10:40992")},
		evidence.Socket{Protocol: "tcp6", State: evidence.CloseWait, Local: end("[::ffff:10.12.0.10]:22"), Remote: end("[fe80::1%eth0]:40992")},
		evidence.Socket{Protocol: "tcp6", State: evidence.TimeWait, Local: end("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:12000"), Remote: end("[2001:db8::10:0:1]:1")},
		evidence.Socket{Protocol: "tcp6", State: evidence.Listen},
		evidence.Socket{Protocol: "tcp", State: "\x1b[2J"},
	)
	golden(t, "sockets.txt", func(w io.Writer) error { return Sockets(w, "server", rows) })
	golden(t, "sockets-empty.txt", func(w io.Writer) error { return Sockets(w, "", nil) })
}

func end(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestFiles(t *testing.T) {
	server := sampleRun(visits()).Hosts["server"]
	golden(t, "files.txt", func(w io.Writer) error { return Files(w, "server", LastSnapshot(server.Files)) })
	rows := []evidence.File{
		{Command: `a\x20b c`, PID: 1, User: "root", FD: "cwd", Type: "DIR", Device: "254,0", SizeOff: "4096", Node: "2", Name: "/"},
		{Command: "가", PID: 4194304, User: "systemd-timesync", FD: "3uW", Type: "REG", Device: "254,0", SizeOff: "123456789012", Node: "18446744073709551615", Name: "/a\nb\\\\c\\x20\u202e가"},
		{PID: 2, FD: "12345r", Type: "a_inode", Name: "[eventpoll]"},
	}
	golden(t, "files-odd.txt", func(w io.Writer) error { return Files(w, "", rows) })
	golden(t, "files-words.txt", func(w io.Writer) error { return Files(w, "", rows[:1]) })
	golden(t, "files-empty.txt", func(w io.Writer) error { return Files(w, "router", nil) })
}

func TestPackets(t *testing.T) {
	run := sampleRun(visits())
	golden(t, "packets-client.txt", func(w io.Writer) error { return Packets(w, "client1", run.Hosts["client1"].Packets) })
	golden(t, "packets-server.txt", func(w io.Writer) error { return Packets(w, "", run.Hosts["server"].Packets) })
	golden(t, "packets-empty.txt", func(w io.Writer) error { return Packets(w, "router", nil) })
}

func TestViewsReturnTheWritersError(t *testing.T) {
	full := errors.New("no space left on device")
	w := writerFunc(func([]byte) (int, error) { return 0, full })
	page := Page{Lab: sampleLab(), Run: sampleRun(visits()), Verdict: sampleVerdict(visits())}
	for name, view := range map[string]func() error{
		"text":        func() error { return Text(w, "", claim.Verdict{}, Style{}) },
		"json":        func() error { return JSON(w, claim.Verdict{}) },
		"connections": func() error { return Connections(w, claim.Verdict{}, Style{}) },
		"sockets":     func() error { return Sockets(w, "", nil) },
		"files":       func() error { return Files(w, "h", nil) },
		"packets":     func() error { return Packets(w, "", nil) },
		"html":        func() error { return HTML(w, page) },
	} {
		require.ErrorIs(t, view(), full, name)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// No value of a record adds a line to a table or an escape sequence.
func FuzzViews(f *testing.F) {
	f.Add("server\n", "\x1b[2J")
	f.Add("\xff", "\t\u202e")
	f.Fuzz(func(t *testing.T, a, b string) {
		var out strings.Builder
		require.NoError(t, Sockets(&out, a+"x", []evidence.Socket{{Protocol: a, State: b}}))
		require.NoError(t, Files(&out, a+"x", []evidence.File{{Command: a, User: b, FD: a, Type: b, Device: a, SizeOff: b, Node: a, Name: b}}))
		require.Equal(t, 7, strings.Count(out.String(), "\n"))
		require.NotContains(t, out.String(), "\x1b")
	})
}
