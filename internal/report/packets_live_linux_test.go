package report

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A world is a network namespace with loopback alone, and what is set in it.
type world struct {
	name     string
	address  string // of the server
	settings map[string]string
	// late opens the capture in the middle of a connection.
	late bool
	// some of the lines contain each of these, none contains any of those.
	some, none []string
}

func worlds() []world {
	syn, rest := " MSS=65495 SACK_PERM TSval=", []string{"[FIN, ACK]", "[RST", "[PSH, ACK]"}
	of := func(name, address, setting, value string, some []string, none ...string) world {
		w := world{name: name, address: address, settings: map[string]string{}, some: append(some, rest...), none: none}
		if setting != "" {
			w.settings[setting] = value
		}
		return w
	}
	const v4, v6 = "127.0.0.1", "::1"
	late := of("begun before the capture", v4, "", "", []string{" TSval="}, "[SYN]", " WS=")
	late.late, late.some = true, []string{"[PSH, ACK]", "[FIN, ACK]"}
	return []world{
		of("as Linux is", v4, "", "", []string{"[SYN] Seq=0 Win=", "[SYN, ACK]", syn, " WS=", "[RST, ACK]"}),
		of("IPv6", v6, "", "", []string{" ::1 → ::1 ", " MSS=65476 SACK_PERM TSval=", " WS="}),
		of("without time stamps", v4, "ipv4/tcp_timestamps", "0", []string{" MSS=65495 SACK_PERM WS="}, "TSval"),
		of("without window scales", v4, "ipv4/tcp_window_scaling", "0", []string{syn}, " WS="),
		of("without selective acknowledgements", v4, "ipv4/tcp_sack", "0", []string{" MSS=65495 TSval="}, "SACK_PERM"),
		of("with congestion notification", v4, "ipv4/tcp_ecn", "1", []string{"[SYN, ECE, CWR]", "[SYN, ACK, ECE]"}),
		late,
	}
}

// worldDir is where the test's own process, which is in a network namespace of
// its own, leaves the captures of its worlds.
const worldDir = "REPORT_TEST_WORLDS"

// tshark prints our lines for what the kernel sends, however it is set up.
func TestLivePacketsAsTsharkPrintsThem(t *testing.T) {
	if dir := os.Getenv(worldDir); dir != "" {
		captureWorlds(t, dir)
		return
	}
	dir := t.TempDir()
	again(t, dir)
	for _, w := range worlds() {
		t.Run(w.name, func(t *testing.T) {
			file := filepath.Join(dir, w.name)
			ours := packetLines(t, readCapture(t, file))
			requireSameLines(t, tsharkLines(t, file), ours)
			all := strings.Join(ours, "\n")
			for _, text := range w.some {
				require.Contains(t, all, text)
			}
			for _, text := range w.none {
				require.NotContains(t, all, text)
			}
		})
	}
}

// again runs the test in a process with a network namespace, and with a user
// namespace where it needs one to do so.
func again(t *testing.T, dir string) {
	t.Helper()
	requireIPv6(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), worldDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil && os.Getenv("CI") != "true" {
		t.Skipf("this machine allows no network namespace to send packets in: %v", err)
	}
	require.NoError(t, err, "%s", out)
}
