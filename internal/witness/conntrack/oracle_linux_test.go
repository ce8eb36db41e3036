package conntrack

import (
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// The router's rules: one that translates, and one that only tracks.
const (
	masquerading = `
table ip nat {
	chain before { type nat hook prerouting priority -100; ip daddr 10.12.1.254 tcp dport 8080 dnat to 10.12.0.10:12000; }
	chain after { type nat hook postrouting priority 100; oifname "home" masquerade; }
}
table ip6 nat {
	chain after { type nat hook postrouting priority 100; oifname "home" masquerade; }
}`
	tracking = `
table inet watch {
	chain forward { type filter hook forward priority 0; ct state established,new accept; }
}`
)

// dial connects from the client, and returns the endpoints that each side has.
// Both ends stay open until the test ends.
func (l *lab) dial(from, to, at string) (client, server evidence.FourTuple) {
	l.t.Helper()
	var listener net.Listener
	var err error
	l.on(l.server, func() { listener, err = net.Listen("tcp", at) })
	require.NoError(l.t, err)
	defer func() { require.NoError(l.t, listener.Close()) }()

	var near net.Conn
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}
	l.on(l.client, func() { near, err = dialer.Dial("tcp", to) })
	require.NoError(l.t, err)
	far, err := listener.Accept()
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return evidence.FourTuple{Source: endpoint(near.LocalAddr()), Destination: endpoint(near.RemoteAddr())},
		evidence.FourTuple{Source: endpoint(far.RemoteAddr()), Destination: endpoint(far.LocalAddr())}
}

func endpoint(a net.Addr) netip.AddrPort { return evidence.Unmap(a.(*net.TCPAddr).AddrPort()) }

// dialAll makes three connections: two from the same port of different
// addresses, which cannot both keep it behind one address, and one by IPv6.
func (l *lab) dialAll() (rows []evidence.Translation) {
	l.t.Helper()
	for _, c := range [][3]string{
		{"10.12.1.10:40000", "10.12.0.10:12000", "10.12.0.10:12000"},
		{"10.12.1.11:40000", "10.12.0.10:12000", "10.12.0.10:12000"},
		{"[fd12:1::10]:40000", "[fd12::10]:12000", "[fd12::10]:12000"},
	} {
		client, server := l.dial(c[0], c[1], c[2])
		rows = append(rows, evidence.Translation{Original: client, Translated: server})
	}
	return rows
}

// TestDumpIsWhatBothSidesHave: the table, the two ends of each connection and
// conntrack(8) say the same.
func TestDumpIsWhatBothSidesHave(t *testing.T) {
	needTool(t, "conntrack")
	l := newLab(t, masquerading)
	ends := l.dialAll()
	client, server := l.dial("10.12.1.10:40001", "10.12.1.254:8080", "10.12.0.10:12000")
	ends = append(ends, evidence.Translation{Original: client, Translated: server})
	table := open(t)

	rows, err := table.Dump(header, 3)
	require.NoError(t, err)
	for _, row := range rows {
		assert.Equal(t, evidence.Header{Time: header.Time, Host: "router", Witness: evidence.Conntracked}, row.Header)
		assert.Equal(t, 3, row.Snapshot)
	}
	assert.ElementsMatch(t, ends, bare(rows))
	assert.ElementsMatch(t, listed(t), bare(rows))
	for _, row := range rows {
		assert.NotEqual(t, row.Original, row.Translated)
	}

	// The control: one connection more, and the old rows are wrong.
	l.dial("10.12.1.10:40002", "10.12.0.10:12000", "10.12.0.10:12000")
	assert.Len(t, listed(t), len(rows)+1)
}

// TestRouterWithoutTranslation: what is only tracked is no translation.
func TestRouterWithoutTranslation(t *testing.T) {
	needTool(t, "conntrack")
	l := newLab(t, tracking)
	ends := l.dialAll()
	table := open(t)

	rows, err := table.Dump(header, 1)
	require.NoError(t, err)
	assert.Empty(t, rows)

	rows, err = table.DumpAll(header, 1)
	require.NoError(t, err)
	assert.ElementsMatch(t, ends, bare(rows))
	assert.ElementsMatch(t, listed(t), bare(rows))
	for _, row := range rows {
		assert.Equal(t, row.Original, row.Translated)
	}
}

// TestTableStaysInItsNamespace dumps a router's table from other threads; the
// client's table is the control.
func TestTableStaysInItsNamespace(t *testing.T) {
	l := newLab(t, masquerading)
	l.dialAll()
	router := open(t)
	var client *Table
	l.on(l.client, func() { client = open(t) })

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			rows, err := router.Dump(header, 1)
			assert.NoError(t, err)
			assert.Len(t, rows, 3)
		})
	}
	all.Wait()
	rows, err := client.DumpAll(header, 1)
	require.NoError(t, err)
	assert.Empty(t, rows)
}

func open(t testing.TB) *Table {
	t.Helper()
	table, err := Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	return table
}

// bare are rows without what the witness stamps on them.
func bare(rows []evidence.Translation) []evidence.Translation {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Header, rows[i].Snapshot = evidence.Header{}, 0
	}
	return rows
}

var direction = regexp.MustCompile(`src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)`)

// listed is what conntrack(8) prints of TCP connections.
func listed(t *testing.T) (rows []evidence.Translation) {
	t.Helper()
	for _, family := range []string{"ipv4", "ipv6"} {
		output, err := exec.Command("conntrack", "-L", "-p", "tcp", "-f", family).Output()
		require.NoError(t, err)
		for line := range strings.Lines(string(output)) {
			d := direction.FindAllStringSubmatch(line, -1)
			require.Len(t, d, 2, line)
			rows = append(rows, evidence.Translation{Original: fourTuple(d[0]), Translated: fourTuple(d[1]).Reverse()})
		}
	}
	return rows
}

func fourTuple(m []string) evidence.FourTuple {
	return tupleOf(net.JoinHostPort(m[1], m[3]), net.JoinHostPort(m[2], m[4]))
}
