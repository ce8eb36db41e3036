//go:build linux

package nat

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What the rules do to packets is tested where there are routers, in netns.
// Here nft(8) reads them back.

func TestMasqueradeIsWhatNftReads(t *testing.T) {
	rules := inNamespace(t, func() error { return Masquerade([]string{"eth1", "a-name-of-15-by"}) })
	require.Contains(t, rules, "table ip fourtuple {")
	require.Contains(t, rules, "type nat hook postrouting priority srcnat; policy accept;")
	require.Contains(t, rules, "oifname \"eth1\" masquerade\n")
	require.Contains(t, rules, "oifname \"a-name-of-15-by\" masquerade\n")
}

func TestMasqueradeNothing(t *testing.T) {
	require.Empty(t, inNamespace(t, func() error { return Masquerade(nil) }), "no interface, no table")
}

func TestMasqueradeMany(t *testing.T) {
	names := make([]string, 1001)
	for i := range names {
		names[i] = fmt.Sprintf("eth%d", i)
	}
	rules := inNamespace(t, func() error { return Masquerade(names) })
	require.Equal(t, len(names), strings.Count(rules, " masquerade\n"))
}

func TestMasqueradeRefusesNames(t *testing.T) {
	for _, name := range []string{"", "a-name-of-16-byt"} {
		require.ErrorContains(t, Masquerade([]string{"eth0", name}), "an interface's name has 1 to 15 bytes", name)
	}
}

// inNamespace runs f in a new network namespace and returns what nft then
// lists there. The thread ends with its goroutine.
func inNamespace(t *testing.T, f func() error) string {
	t.Helper()
	nft, err := exec.LookPath("nft")
	needs(t, err == nil, "nft(8)")
	needs(t, os.Geteuid() == 0, "root")
	var out []byte
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			if err := f(); err != nil {
				return err
			}
			out, err = exec.Command(nft, "list", "ruleset").CombinedOutput()
			return err
		}()
	}()
	require.NoError(t, <-done, "%s", out)
	return string(out)
}

// needs skips a test on a machine that lacks something, and fails it where
// everything is promised to be.
func needs(t *testing.T, has bool, what string) {
	t.Helper()
	if has {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("this needs %s, and CI=true promises it", what)
	}
	t.Skipf("this needs %s", what)
}
