package sockets

import (
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestDumpStampsItsRows(t *testing.T) {
	enterNamespace(t)
	newRaw(t, unix.AF_INET).keep().listen("127.0.0.1:12000", 7)

	rows, err := open(t).Dump(header, 3)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	row := rows[0]
	assert.NotZero(t, row.Inode)
	row.Inode = 0
	assert.Equal(t, evidence.Socket{
		Header:    evidence.Header{Time: header.Time, Host: "server", Witness: evidence.Sockets},
		Snapshot:  3,
		Protocol:  "tcp",
		State:     evidence.Listen,
		Local:     netip.MustParseAddrPort("127.0.0.1:12000"),
		Remote:    netip.MustParseAddrPort("0.0.0.0:0"),
		SendQueue: 7,
	}, row)
}

// TestDumpPortIsDump: the kernel's choice of rows is the choice among all rows.
func TestDumpPortIsDump(t *testing.T) {
	enterNamespace(t)
	makeStates(t)
	table := open(t)
	all := idle(mustDumpPort(t, table, 0))

	some := 0
	for _, port := range slices.Concat(interval(11999, 12006), interval(12999, 13004), interval(13999, 14002), interval(14999, 15006)) {
		var want []evidence.Socket
		for _, row := range all {
			if row.Local.Port() == port || row.Remote.Port() == port {
				want = append(want, row)
			}
		}
		got := idle(mustDumpPort(t, table, port))
		require.ElementsMatch(t, want, got, "port %d", port)
		some += len(got)
	}
	assert.Greater(t, some, 30)
	assert.Less(t, len(mustDumpPort(t, table, 12000)), len(all), "a filter that lets everything through is none")
}

// interval is all ports from the first to the last.
func interval(first, last uint16) (ports []uint16) {
	for port := first; port <= last; port++ {
		ports = append(ports, port)
	}
	return ports
}

// idle forgets the queues: some are still on their way from one end to the other.
func idle(rows []evidence.Socket) []evidence.Socket {
	for i := range rows {
		rows[i].RecvQueue, rows[i].SendQueue = 0, 0
	}
	return rows
}

func mustDumpPort(t *testing.T, table *Table, port uint16) []evidence.Socket {
	t.Helper()
	rows, err := table.DumpPort(header, 1, port)
	require.NoError(t, err)
	return rows
}

// TestTableStaysInItsNamespace opens a table in a namespace and dumps it from
// threads that never were there. The control is a table opened outside.
func TestTableStaysInItsNamespace(t *testing.T) {
	needRoot(t)
	outside, err := Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, outside.Close()) }()

	enterNamespace(t)
	newRaw(t, unix.AF_INET).keep().listen("127.0.0.1:12321", 1)
	inside := open(t)

	results := make(chan []evidence.Socket, 16)
	var all sync.WaitGroup
	for i := range cap(results) {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			rows, err := inside.DumpPort(header, i, 12321)
			assert.NoError(t, err)
			results <- rows
		})
	}
	all.Wait()
	close(results)
	for rows := range results {
		assert.Len(t, rows, 1)
	}
	assert.Empty(t, mustDumpPort(t, outside, 12321))
}

func TestIdleTableCostsOneDescriptor(t *testing.T) {
	goleak.VerifyNone(t)
	before := descriptors(t)
	table, err := Open()
	require.NoError(t, err)
	_, err = table.Dump(header, 1)
	require.NoError(t, err)
	assert.Equal(t, before+1, descriptors(t))
	require.NoError(t, table.Close())
	require.NoError(t, table.Close())
	assert.Equal(t, before, descriptors(t))

	_, err = table.Dump(header, 2)
	require.ErrorIs(t, err, os.ErrClosed)
	assert.EqualError(t, err, "dump socket table: file already closed")
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
