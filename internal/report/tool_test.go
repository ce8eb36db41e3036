package report

import (
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool runs a real tool, the oracle of a view. Where the tool is missing the
// test is skipped, but not where CI promises it.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("%s is not installed: its output cannot be compared", name)
	}
	require.NoError(t, err, "%s must be installed where CI is set", name)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	out, err := cmd.Output()
	require.NoError(t, err, "%s %q", name, args)
	return string(out)
}

// requireIPv6 skips a test on a machine without IPv6, but not where CI promises
// it.
func requireIPv6(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("this machine has no IPv6 to compare with: %v", err)
	}
	require.NoError(t, err, "IPv6 must work where CI is set")
	require.NoError(t, listener.Close())
}
