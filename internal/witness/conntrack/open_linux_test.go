package conntrack

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netns"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestIdleTableCostsOneDescriptor(t *testing.T) {
	needRoot(t)
	defer goleak.VerifyNone(t)
	first := open(t)
	before := descriptors(t)
	table, err := Open()
	require.NoError(t, err)
	_, err = table.Dump(header, 1)
	require.NoError(t, err)
	assert.Equal(t, before+1, descriptors(t))
	require.NoError(t, table.Close())
	assert.Equal(t, before, descriptors(t))
	require.NoError(t, first.Close())
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}

// TestWithoutCapability: a thread without CAP_NET_ADMIN is refused, in a
// namespace where one with it is not.
func TestWithoutCapability(t *testing.T) {
	needRoot(t)
	runtime.LockOSThread()
	namespace, err := netns.New()
	require.NoError(t, err)
	defer namespace.Close()
	table := open(t)
	_, err = table.DumpAll(header, 1)
	require.NoError(t, err)

	// The thread is not given back.
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	require.NoError(t, unix.Capget(&head, &sets[0]))
	sets[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	require.NoError(t, unix.Capset(&head, &sets[0]))
	rows, err := table.DumpAll(header, 1)
	require.ErrorIs(t, err, unix.EPERM)
	assert.EqualError(t, err, "dump conntrack table: netlink receive: operation not permitted")
	assert.Empty(t, rows)
}
