package sockets

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// enterNamespace puts the test into a new network namespace of its own, with
// nothing but a loopback interface. The test's thread is never given back: it
// ends with the test, and the namespace with it.
func enterNamespace(t testing.TB) {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	namespace, err := netns.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, namespace.Close()) })
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(lo))
}

// needRoot skips a test that makes namespaces where that is not allowed. CI
// promises that it is.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("this test makes network namespaces and needs root, which CI promises")
	}
	t.Skip("this test makes network namespaces and needs root")
}
