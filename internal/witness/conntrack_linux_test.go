package witness

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

// TestConntrackAgreesWithConntrack: a router translates what leaves by eth1.
//
//	client 10.12.1.10 ── eth0 10.12.1.254 router 10.12.0.254 eth1 ── 10.12.0.10 server
func TestConntrackAgreesWithConntrack(t *testing.T) {
	nettest.Tool(t, "nft")
	client, router, server := nettest.New(t), nettest.New(t), nettest.New(t)
	nettest.Connect(t, client, router, "10.12.1.10/24", "10.12.1.254/24")
	_, eth0 := nettest.Connect(t, router, server, "10.12.0.254/24", "10.12.0.10/24")
	client.Output(t, "ip", "route", "add", "default", "via", "10.12.1.254")
	server.Output(t, "ip", "route", "add", "default", "via", "10.12.0.254", "dev", eth0)
	router.Do(t, func() {
		require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
	})
	router.Output(t, "nft", `table ip nat { chain post { type nat hook postrouting priority srcnat; oifname "eth1" masquerade; }; }`)
	table := openConntrackTable(t, router)

	dial := func(from, to *nettest.Namespace, address string) {
		var l net.Listener
		to.Do(t, func() {
			var err error
			l, err = net.Listen("tcp4", address)
			require.NoError(t, err)
			t.Cleanup(func() { _ = l.Close() })
		})
		from.Do(t, func() {
			c, err := net.Dial("tcp4", address)
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
		})
	}
	// The other way round nothing is translated: such entries are left out.
	dial(server, client, "10.12.1.10:13000")
	rows, err := table.Dump()
	require.NoError(t, err)
	require.Empty(t, rows)
	require.Len(t, conntrack(t, router), 1)

	dial(client, server, "10.12.0.10:12000")
	dial(client, server, "10.12.0.10:12001")
	rows, err = table.Dump()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	theirs := conntrack(t, router)
	for _, row := range rows {
		o, x := row.Original, row.Translated.Reverse()
		assert.Contains(t, theirs, fmt.Sprintf("%s %s %d %d %s %s %d %d",
			o.Source.Addr(), o.Destination.Addr(), o.Source.Port(), o.Destination.Port(),
			x.Source.Addr(), x.Destination.Addr(), x.Source.Port(), x.Destination.Port()))
		assert.Equal(t, "10.12.1.10", o.Source.Addr().String())
		assert.Equal(t, "10.12.0.254", row.Translated.Source.Addr().String())
		assert.Equal(t, o.Destination, row.Translated.Destination)
	}
	assert.True(t, slices.IsSortedFunc(rows, func(a, b evidence.Translation) int { return a.Original.Source.Compare(b.Original.Source) }))
}

func openConntrackTable(t *testing.T, n *nettest.Namespace) *ConntrackTable {
	t.Helper()
	var table *ConntrackTable
	n.Do(t, func() {
		var err error
		table, err = OpenConntrackTable()
		require.NoError(t, err)
	})
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	return table
}

// conntrack is what conntrack says of TCP connections: the four parts of the
// original direction, then those of the reply.
func conntrack(t *testing.T, n *nettest.Namespace) (entries []string) {
	t.Helper()
	tuple := `src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) `
	for _, m := range regexp.MustCompile(tuple+".*?"+tuple).FindAllStringSubmatch(n.Output(t, "conntrack", "-L", "-p", "tcp"), -1) {
		entries = append(entries, fmt.Sprintf("%s %s %s %s %s %s %s %s", m[1], m[2], m[3], m[4], m[5], m[6], m[7], m[8]))
	}
	return entries
}
