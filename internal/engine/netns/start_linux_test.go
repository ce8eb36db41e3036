package netns

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/agent"
)

// A program sees its host and nothing else.
//
//	server ── home ── router ── net1 ── client1
func TestProgramSeesOnlyItsHost(t *testing.T) {
	n := build(t, star(1))
	r := reports(t, n.Host("router"), agent.Program{
		Environment: []string{"GREETING=hello", "HOME=/nowhere"},
		Directory:   "/usr",
		Hostname:    "r1",
		ExtraHosts:  map[string][]netip.Addr{"far": {netip.MustParseAddr("10.99.0.1")}},
	})
	require.Equal(t, 1, r.PID)
	require.Equal(t, 0, r.Parent, "its parent is outside")
	require.Equal(t, 1, r.Session)
	require.Equal(t, []string{"/proc/1"}, r.Processes)
	require.Equal(t, []string{"eth0", "eth1", "lo"}, r.Interfaces)
	require.Equal(t, "r1", r.Hostname)
	require.Equal(t, "/usr", r.Directory)
	require.Equal(t, "client", r.Comm)
	require.Equal(t, []string{"client", "report"}, r.Arguments)
	require.ElementsMatch(t, []string{"PATH=/sys/firmware:" + agent.DefaultPath, "HOSTNAME=r1", "GREETING=hello", "HOME=/nowhere"}, r.Environment)
	require.Equal(t, "/dev/null<nil>", r.Descriptors[0])
	require.Empty(t, r.Inherited)
	require.Equal(t, `127.0.0.1	localhost
10.12.0.62	r1
10.12.0.126	r1
10.99.0.1	far
10.12.0.10	server
10.12.0.74	client1
`, r.Hosts)
	require.Empty(t, r.Writable)
}

// Only the program is on its host; what this process can do, it cannot.
func TestProgramIsAnOrdinaryUser(t *testing.T) {
	leak, err := os.Open("/") // not close-on-exec, as what a shell passes on
	require.NoError(t, err)
	defer leak.Close()
	_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, leak.Fd(), syscall.F_SETFD, 0)
	require.Zero(t, errno)

	n := build(t, star(1))
	r := reports(t, n.Host("client1"), agent.Program{})
	require.Equal(t, agent.UnprivilegedID, r.UID)
	require.Equal(t, agent.UnprivilegedID, r.GID)
	require.Empty(t, r.Groups)
	require.Empty(t, r.Inherited, "the leak stays here")
	for _, line := range []string{
		"Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534",
		"SigIgn:\t0000000000000000", "SigBlk:\t0000000000000000",
	} {
		require.Contains(t, r.Status, line+"\n")
	}
	requireNoCapabilities(t, r)
}

// requireNoCapabilities wants a program to have no capability, and no way to get
// one.
func requireNoCapabilities(t *testing.T, r report) {
	t.Helper()
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
		require.Contains(t, r.Status, set+":\t0000000000000000\n")
	}
	require.Contains(t, r.Status, "NoNewPrivs:\t1\n")
}

func TestProgramsThatCannotStart(t *testing.T) {
	n := build(t, star(1))
	secret := t.TempDir() + "/secret"
	require.NoError(t, os.WriteFile(secret, []byte("#!/bin/sh\n"), 0o700))
	for name, c := range map[string]struct {
		program agent.Program
		says    string
	}{
		"no program":  {agent.Program{}, "start a program on client1: there is none"},
		"not in PATH": {agent.Program{Args: []string{"no-such-program", "x"}}, `start ["no-such-program" "x"] on client1: executable file not found in $PATH, which is /sys/firmware:/usr/local/sbin:`},
		"no file":     {agent.Program{Args: []string{"/no/such"}}, `start ["/no/such"] on client1: exec: "/no/such": stat /no/such: no such file or directory`},
		"not allowed": {agent.Program{Args: []string{secret}}, "permission denied"},
		"directory":   {agent.Program{Args: []string{"true"}, Directory: "/no/such"}, `start ["true"] on client1: chdir /no/such: no such file or directory`},
		"zero byte":   {agent.Program{Args: []string{"true", "a\x00b"}}, "fork/exec /sys/bin/lab: invalid argument"},
		"long name":   {agent.Program{Args: []string{"true"}, Hostname: strings.Repeat("x", 65)}, "set host name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := n.Host("client1").Start(t.Context(), c.program)
			require.ErrorContains(t, err, c.says)
		})
	}
	n.reapers.Wait() // or this test does not end
}

// server, client, socket and lab are in the PATH of a shell, too, whatever the lab says
// PATH is, and nobody can replace them.
func TestOurProgramsAreInPath(t *testing.T) {
	n := build(t, star(1))
	s := startProgram(t, n.Host("client1"), agent.Program{
		Args: []string{"/bin/sh", "-c", `client report | grep -o '"Comm":"[a-z]*"'; lab exit; echo $?;
			command -v server; command -v socket; command -v sleep; cp /bin/true /sys/firmware/new || mv /sys/firmware/server /sys/firmware/new || echo x > /sys/firmware/lab || echo refused`},
		Environment: []string{"PATH=/bin"},
	})
	out := s.ends(0)
	require.Contains(t, out, "\"Comm\":\"client\"\n7\n/sys/firmware/server\n/sys/firmware/socket\n/bin/sleep\n")
	require.Contains(t, out, "refused\n")
}

func TestSignals(t *testing.T) {
	n := build(t, star(1))
	for name, c := range map[string]struct {
		args   []string
		signal syscall.Signal
		status int
	}{
		"not handled":               {[]string{"sleep", "1000"}, syscall.SIGTERM, 128 + 15},
		"not handled, another":      {[]string{"sleep", "1000"}, syscall.SIGINT, 128 + 2},
		"killed":                    {[]string{"sleep", "1000"}, syscall.SIGKILL, 128 + 9},
		"killed, though it handles": {[]string{"sh", "-c", "trap : TERM; echo ready; while :; do sleep 0.01; done"}, syscall.SIGKILL, 128 + 9},
		"handled by Go's runtime":   {[]string{"client", "echo", "127.0.0.1:1200"}, syscall.SIGTERM, 2},
		"handled by a shell":        {[]string{"sh", "-c", "trap 'exit 9' HUP; echo ready; while :; do sleep 0.01; done"}, syscall.SIGHUP, 9},
	} {
		t.Run(name, func(t *testing.T) {
			s := startProgram(t, n.Host("client1"), agent.Program{Args: c.args})
			if c.args[0] != "sleep" {
				eventually(t, func() bool { return s.out.String() != "" }, "the program is ready")
			}
			require.NoError(t, s.Signal(c.signal))
			s.ends(c.status)
			require.NoError(t, s.Signal(c.signal), "a process that is gone is no error")
		})
	}
}

// A signal by which a process stops, or that does nothing, does so on a host.
func TestSignalsThatDoNotEnd(t *testing.T) {
	n := build(t, star(1))
	s := startProgram(t, n.Host("client1"), agent.Program{Args: []string{"sleep", "1000"}})
	state := func() string {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
		require.NoError(t, err)
		return strings.Fields(string(status))[2]
	}
	for _, stop := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGTSTP} {
		require.NoError(t, s.Signal(stop))
		eventually(t, func() bool { return state() == "T" }, "%s stops it", stop)
		require.NoError(t, s.Signal(syscall.SIGCONT))
		eventually(t, func() bool { return state() == "S" }, "it goes on")
	}
	require.NoError(t, s.Signal(syscall.SIGWINCH))
	require.NoError(t, s.Signal(syscall.SIGTERM))
	s.ends(128 + 15)
}

// A program reads what is written to its input, and its end.
func TestStdin(t *testing.T) {
	n := build(t, star(1))
	stdin, typed, err := os.Pipe()
	require.NoError(t, err)
	s := startProgram(t, n.Host("client1"), agent.Program{
		Args: []string{"sh", "-c", "read line; echo \"$line.\"; cat; echo end"}, Stdin: stdin,
	})
	require.NoError(t, stdin.Close())
	fmt.Fprintln(typed, "one")
	s.says("one.\n")
	fmt.Fprintln(typed, "two")
	s.says("two\n")
	require.NoError(t, typed.Close())
	require.Equal(t, "one.\ntwo\nend\n", s.ends(0))
}

// A host can run several programs at once, and one again that has ended.
func TestSeveralPrograms(t *testing.T) {
	n := build(t, star(1))
	var all []*started
	for range 3 {
		s := start(t, n.Host("server"), "count")
		s.says("ready")
		all = append(all, s)
	}
	for _, s := range all[:2] {
		require.NoError(t, s.Signal(syscall.SIGKILL))
		s.ends(128 + 9)
	}
	again := start(t, n.Host("server"), "count")
	again.says("ready")
	require.NoError(t, all[2].Signal(syscall.SIGHUP))
	all[2].says("got hangup")
	require.NotContains(t, again.out.String(), "got")
}

func TestSignalThatIsIgnored(t *testing.T) {
	n := build(t, star(1))
	s := startProgram(t, n.Host("client1"), agent.Program{Args: []string{"sh", "-c", "trap '' TERM; echo ready; exec sleep 1000"}})
	s.says("ready")
	require.NoError(t, s.Signal(syscall.SIGTERM))
	require.NoError(t, s.Signal(syscall.SIGKILL))
	s.ends(128 + 9)
}
