package report

import (
	"io"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestSockets(t *testing.T) {
	run, _ := holds()
	rows, err := SocketsAt(run.Hosts["server"], "settled")
	require.NoError(t, err)
	rows[1].RecvQueue, rows[2].SendQueue = 12, 1234567
	rows = append(rows,
		evidence.Socket{Protocol: "tcp6", State: evidence.Listen, Local: end("[::]:22"), Remote: end("[::]:0"), SendQueue: 128},
		evidence.Socket{Protocol: "tcp6", State: evidence.CloseWait, Local: end("[::ffff:10.12.0.10]:22"), Remote: end("[fe80::1%eth0]:40992")},
		evidence.Socket{Protocol: "tcp6", State: evidence.TimeWait, Local: end("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:12000"), Remote: end("[2001:db8::10:0:1]:1")},
		evidence.Socket{Protocol: "udp", State: evidence.Closed, Local: end("0.0.0.0:53"), Remote: end("0.0.0.0:0")},
		evidence.Socket{Protocol: "tcp6\n", State: "\x1b[2J"},
	)
	golden(t, "sockets.txt", func(w io.Writer) error { return Sockets(w, "ser\x1bver", rows) })
}

func TestFiles(t *testing.T) {
	run, _ := holds()
	rows, err := FilesAt(run.Hosts["server"], "")
	require.NoError(t, err)
	golden(t, "files.txt", func(w io.Writer) error { return Files(w, "server", rows) })
	rows = append(rows,
		evidence.File{Command: "a b", PID: 4194304, User: "systemd-timesync", FD: 0, Access: "r", Type: "CHR", Target: "/dev/null"},
		evidence.File{Command: "가\x1b", PID: 1, User: "\n", FD: 12345, Access: "w", Type: "REG", Target: "/a\nb\u202e가"},
		evidence.File{Command: "x", PID: 1, FD: 5, Access: "u", Type: "IPv6", Inode: 7, Protocol: "udp6", Local: end("[::1]:53"), Remote: end("[::1]:54"), State: evidence.Established},
		evidence.File{Command: "x", PID: 1, FD: 6, Access: "u", Type: "unix", Inode: 8, Target: "socket:[8]"},
	)
	golden(t, "files-odd.txt", func(w io.Writer) error { return Files(w, "", rows) })
	golden(t, "files-empty.txt", func(w io.Writer) error { return Files(w, "router", nil) })
}

func TestPackets(t *testing.T) {
	run, _ := holds()
	golden(t, "packets.txt", func(w io.Writer) error { return Packets(w, "server", run.Hosts["server"].Packets) })
	odd := []evidence.Packet{
		{Number: 7, Source: end("[2001:db8::1]:1"), Destination: serverEnd, Interface: "eth\n0", Payload: []byte("\x1b[2J\u202e"), Length: 8},
		{Number: 8, Source: end("10.0.0.1:1"), Destination: serverEnd, Flags: evidence.SYN | evidence.FIN, Payload: []byte("\xff\xfe\xfd\xfc\xfb"), Length: 5},
		{Number: 9, Source: end("10.0.0.1:1"), Destination: serverEnd, Flags: evidence.PSH, Payload: []byte(strings.Repeat("긴 ", 90)), Length: 360},
		{Number: 10, Protocol: evidence.UDP, Source: end("10.0.0.1:1"), Destination: serverEnd, Payload: []byte("hi"), Length: 2, FrameLength: 44},
		{Number: 11, Protocol: evidence.ICMP, Source: end("10.12.0.10:0"), Destination: end("10.0.0.1:0"), ICMP: "ECONNREFUSED", Quoted: evidence.FourTuple{Source: end("10.0.0.1:1"), Destination: serverEnd}, QuotedProtocol: evidence.UDP, Payload: []byte("E"), FrameLength: 72},
		{Number: 12, Protocol: evidence.ICMP, Source: end("[fe80::1]:0"), Destination: end("[ff02::1]:0")},
	}
	golden(t, "packets-odd.txt", func(w io.Writer) error { return Packets(w, "", odd) })
}

// Numbers count from each opening's SYN, also where a four-tuple is used twice,
// and from the first byte seen where there is none.
func TestRelativeNumbers(t *testing.T) {
	client, relative := end("10.0.0.1:1"), make(relativeNumbers)
	for i, test := range []struct {
		fromClient         bool
		flags              evidence.Flags
		seq, ack           uint32
		wantSeq, wantAcked uint32
	}{
		{true, evidence.ACK, 500, 900, 1, 1},
		{false, evidence.ACK, 901, 500, 2, 1},
		{true, evidence.SYN, 0xffffffff, 0, 0, 0},
		{true, evidence.SYN, 0xffffffff, 0, 0, 0},
		{false, evidence.RST | evidence.ACK, 0, 0, 1, 1},
		{true, evidence.SYN, 7000, 0, 0, 0},
		{false, evidence.SYN | evidence.ACK, 42, 7001, 0, 1},
		{true, evidence.ACK, 7001, 43, 1, 1},
	} {
		p := evidence.Packet{Source: client, Destination: serverEnd, Flags: test.flags, Seq: test.seq, Ack: test.ack}
		if !test.fromClient {
			p.Source, p.Destination = serverEnd, client
		}
		seq, ack := relative.of(p)
		require.Equal(t, []uint32{test.wantSeq, test.wantAcked}, []uint32{seq, ack}, i)
	}
}

func TestSteps(t *testing.T) {
	run, _ := holds()
	golden(t, "steps.txt", func(w io.Writer) error { return Steps(w, run, "", Style{}) })
	golden(t, "steps-client1.txt", func(w io.Writer) error { return Steps(w, run, "client1", Style{}) })
	golden(t, "steps-empty.txt", func(w io.Writer) error { return Steps(w, &evidence.Run{}, "", Style{}) })
}

func TestAccount(t *testing.T) {
	status := 2
	at := func(ms int, host string) evidence.Header {
		return evidence.Header{Time: sampleStart.Add(time.Duration(ms) * time.Millisecond), Host: host}
	}
	rows := []evidence.HostEvent{
		{Header: at(1, "server"), Event: evidence.HostLive, Interfaces: []evidence.Interface{{Name: "eth0"}}},
		{Header: at(5, "server"), Event: evidence.HostSnapshot, Name: "settled", Snapshot: 2, Idle: true},
		{Header: at(9, "server"), Event: evidence.HostExited, Status: &status, Error: "listen on :80:\npermission denied"},
		{Header: at(0, "client1"), Event: evidence.HostRegistered, Run: "0123456789abcdef"},
		{Header: at(6, "server"), Event: evidence.HostStep, Step: 3, Answer: &evidence.ProgramEvent{Answer: evidence.Answer{Call: "bind", Result: -1, Errno: "EADDRINUSE"}}},
		{Header: at(3, "client1"), Event: evidence.HostStarted, Program: "second", PID: 7, Command: []string{"client", "10.12.0.10:12000"}},
		{Header: at(9, "\x1b"), Event: evidence.HostClosed, Seals: []evidence.Seal{{Witness: evidence.Packets, Records: 7, Dropped: 1, Error: "full"}}},
	}
	golden(t, "account.txt", func(w io.Writer) error { return Account(w, "run", rows) })
}

func TestRowsOfASnapshot(t *testing.T) {
	host := &evidence.Host{
		Name: "server\x1b", Snapshots: map[string]int{"waiting": 2, "accepted": 4},
		Sockets: []evidence.Socket{listening(1), listening(2), listening(3), listening(4), listening(5)},
		Files:   []evidence.File{{Snapshot: 2, FD: 3}, {Snapshot: 2, FD: 5}, {Snapshot: 4, FD: 4}},
	}
	for name, want := range map[string]int{"waiting": 2, "accepted": 4, "": 4} {
		rows, err := SocketsAt(host, name)
		require.NoError(t, err)
		require.Equal(t, []evidence.Socket{listening(want)}, rows, "at %q", name)
	}
	files, err := FilesAt(host, "waiting")
	require.NoError(t, err)
	require.Equal(t, []evidence.File{host.Files[0], host.Files[1]}, files)
	_, err = SocketsAt(host, "settled\x1b")
	require.EqualError(t, err, `server\x1b has no snapshot "settled\x1b"; those it has: ["accepted" "waiting"]`)
	host.Snapshots = nil
	rows, err := SocketsAt(host, "")
	require.NoError(t, err)
	require.Equal(t, []evidence.Socket{listening(5)}, rows, "a run that ended early")
}

// unprintable are controls, invisible characters, and odd separators.
var unprintable = regexp.MustCompile(`[^\n\PC]|[\p{Zl}\p{Zp}\x{a0}]`)

// No name and no value adds a line or an escape sequence to what is printed.
func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"server\nverdict: holds", "\x1b[2J", "\u202eabc", "\xff", "\u2028", "가", "\u200b", "\U000e0001", `\'`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		run, harmless := holds()
		hostileRun, hostile := holds()
		hostileRun.Steps[1].Step.Line, hostileRun.Hosts["server"].Files[0].Command = s, s
		hostile.Lab, hostile.Run, hostile.Claims[0].Reason, hostile.Connections[0].Client = s, s, s, s
		hostile.Claims[1].Rows[0] = claim.Row{File: "file" + s, Text: s}
		hostile.Connections[0].Path, hostile.Connections[0].Outcome = []claim.Hop{{Host: s}}, evidence.Outcome(s)
		zoned := netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(s), 1)
		hostile.Connections[1].Source = zoned
		var out, want strings.Builder
		require.NoError(t, Text(&want, run, harmless, Style{}))
		require.NoError(t, Text(&out, hostileRun, hostile, Style{}))
		if len(s) < 20 {
			require.Equal(t, strings.Count(want.String(), "\n"), strings.Count(out.String(), "\n"))
		}
		lines := strings.Count(out.String(), "\n")
		require.NoError(t, Sockets(&out, s+"x", []evidence.Socket{{Protocol: s, State: s, Local: zoned}}))
		require.NoError(t, Files(&out, s+"x", []evidence.File{{Command: s, User: s, Access: s, Type: s, Target: s}, {Protocol: s, State: s, Local: zoned}}))
		require.NoError(t, Packets(&out, s+"x", []evidence.Packet{{Source: zoned, Interface: s, Payload: []byte(s), Length: len(s)}}))
		require.NoError(t, Account(&out, s+"x", []evidence.HostEvent{{Event: s, Name: s, Error: s, Command: []string{s}}}))
		require.NoError(t, Steps(&out, &evidence.Run{Steps: []evidence.StepRow{{Step: topology.Step{Number: 1, Line: s}, Host: s, Answer: &evidence.ProgramEvent{Text: s, Error: s}}}}, "", Style{}))
		require.Equal(t, lines+4+4+2+2+1, strings.Count(out.String(), "\n"))
		require.NoError(t, JSON(&out, hostile))
		require.NotRegexp(t, unprintable, out.String())
	})
}
