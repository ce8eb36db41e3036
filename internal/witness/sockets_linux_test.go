package witness

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

func openSocketTable(t *testing.T, n *nettest.Namespace) *SocketTable {
	t.Helper()
	var table *SocketTable
	n.Do(t, func() {
		var err error
		table, err = OpenSocketTable()
		require.NoError(t, err)
	})
	t.Cleanup(func() { require.NoError(t, table.Close()) })
	return table
}

// openEach opens sockets in a namespace, in every state that stays, and returns
// when nothing changes any more.
func openEach(t *testing.T, n *nettest.Namespace) {
	t.Helper()
	table := openSocketTable(t, n)
	defer eventually(t, func() bool {
		rows, err := table.Dump()
		require.NoError(t, err)
		return slices.ContainsFunc(rows, func(s evidence.Socket) bool { return s.State == evidence.FinWait2 })
	}, "FIN_WAIT2")
	closeAtEnd := func(c interface{ Close() error }, err error) {
		t.Helper()
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
	}
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	n.Do(t, func() {
		for _, address := range []string{"127.0.0.1:12000", "[::1]:12001", ":12002"} {
			l, err := config.Listen(t.Context(), "tcp", address)
			closeAtEnd(l, err)
		}
		// Three connections for ESTABLISHED at both ends, an IPv4 one at the
		// dual-stack listener, and a byte that waits in a queue.
		for _, address := range []string{"127.0.0.1:12000", "[::1]:12001", "127.0.0.1:12002"} {
			c, err := net.Dial("tcp", address)
			closeAtEnd(c, err)
			_, err = c.Write([]byte("wait"))
			require.NoError(t, err)
		}
		// FIN_WAIT2 and CLOSE_WAIT.
		c, err := net.Dial("tcp", "127.0.0.1:12000")
		closeAtEnd(c, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		u, err := net.ListenPacket("udp", "127.0.0.1:12003")
		closeAtEnd(u, err)
		u6, err := net.ListenPacket("udp", ":12004")
		closeAtEnd(u6, err)
		connected, err := net.Dial("udp", "127.0.0.1:12003")
		closeAtEnd(connected, err)
	})
}

// text is a row as ss has it, too.
func text(s evidence.Socket) string {
	return fmt.Sprintf("%s %s %d %d %s %s %d %d", strings.TrimSuffix(s.Protocol, "6"), s.State, s.RecvQueue, s.SendQueue,
		tools(s.Local.String()), tools(s.Remote.String()), s.UID, s.Inode)
}

// tools writes an endpoint without brackets, and a wildcard as *.
func tools(endpoint string) string {
	i := strings.LastIndex(endpoint, ":")
	address, port := strings.Trim(endpoint[:i], "[]"), endpoint[i+1:]
	address = strings.TrimPrefix(address, "::ffff:")
	if address == "0.0.0.0" || address == "::" {
		address = "*"
	}
	if port == "0" {
		port = "*"
	}
	return address + ":" + port
}

var ssStates = map[string]string{
	"ESTAB": evidence.Established, "UNCONN": evidence.Closed, "LISTEN": evidence.Listen, "FIN-WAIT-2": evidence.FinWait2,
	"CLOSE-WAIT": evidence.CloseWait, "SYN-RECV": evidence.SynReceived, "SYN-SENT": evidence.SynSent, "TIME-WAIT": evidence.TimeWait,
}

// ss is what ss says of all sockets of a namespace.
func ss(t *testing.T, n *nettest.Namespace) (rows []string) {
	t.Helper()
	detail := regexp.MustCompile(`(uid|ino):(\d+)`)
	for line := range strings.Lines(n.Output(t, "ss", "-H", "-n", "-a", "-t", "-u", "-e")) {
		f := strings.Fields(line)
		numbers := map[string]string{"uid": "0", "ino": "0"} // ss leaves zeros out
		for _, m := range detail.FindAllStringSubmatch(line, -1) {
			numbers[m[1]] = m[2]
		}
		rows = append(rows, strings.Join([]string{
			f[0], ssStates[f[1]], f[2], f[3], tools(f[4]), tools(f[5]), numbers["uid"], numbers["ino"],
		}, " "))
	}
	slices.Sort(rows)
	return rows
}

func TestDumpAgreesWithSS(t *testing.T) {
	n := nettest.New(t)
	openEach(t, n)
	table := openSocketTable(t, n)
	rows, err := table.Dump()
	require.NoError(t, err)
	var texts []string
	for _, row := range rows {
		texts = append(texts, text(row))
	}
	slices.Sort(texts)
	assert.Equal(t, ss(t, n), texts)
	again, err := table.Dump()
	require.NoError(t, err)
	assert.Equal(t, rows, again, "the order is always the same")

	rows, err = openSocketTable(t, nettest.New(t)).Dump()
	require.NoError(t, err)
	assert.Empty(t, rows, "another namespace has its own")

	// The control: a socket more, and the rows are wrong.
	n.Do(t, func() {
		u, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = u.Close() })
	})
	assert.NotEqual(t, ss(t, n), texts)
}

// TestDumpOfAnUnfinishedHandshake: the server's answer to the first SYN goes to
// a wrong link-layer address, so that both ends stay halfway.
func TestDumpOfAnUnfinishedHandshake(t *testing.T) {
	a, b := nettest.New(t), nettest.New(t)
	_, eth0 := nettest.Connect(t, a, b, "10.12.1.1/24", "10.12.1.2/24")
	b.Output(t, "ip", "neighbour", "replace", "10.12.1.1", "lladdr", "02:00:00:00:00:99", "dev", eth0)
	b.Do(t, func() {
		l, err := net.Listen("tcp4", "10.12.1.2:12000")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
	})
	a.Do(t, func() { dialWithoutAnswer(t, [4]byte{10, 12, 1, 2}, 12000) })
	tableA, tableB := openSocketTable(t, a), openSocketTable(t, b)
	states := func(table *SocketTable) (states []string) {
		rows, err := table.Dump()
		require.NoError(t, err)
		for _, row := range rows {
			states = append(states, fmt.Sprint(row.State, " ", row.Inode == 0))
		}
		return states
	}
	eventually(t, func() bool { return slices.Contains(states(tableB), evidence.SynReceived+" true") }, "SYN_RECV")
	assert.Equal(t, []string{evidence.SynSent + " false"}, states(tableA))
}

// dialWithoutAnswer begins a connection and does not wait for it.
func dialWithoutAnswer(t *testing.T, address [4]byte, port int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	require.ErrorIs(t, unix.Connect(fd, &unix.SockaddrInet4{Addr: address, Port: port}), unix.EINPROGRESS)
}

func TestClosedTable(t *testing.T) {
	table, err := OpenSocketTable()
	require.NoError(t, err)
	require.NoError(t, table.Close())
	require.NoError(t, table.Close())
	_, err = table.Dump()
	require.ErrorIs(t, err, os.ErrClosed)
	assert.EqualError(t, err, "dump the socket table: file already closed")
}

// TestOpenTableThatCannotBe: an error comes without a table.
func TestOpenTableThatCannotBe(t *testing.T) {
	_, err := openTable("table of nothing", 31)
	require.ErrorIs(t, err, unix.EPROTONOSUPPORT)
	assert.EqualError(t, err, "open the table of nothing: protocol not supported")
}

// TestInterruptedDump: the kernel's word for it does not come when one wants it
// to, so it is put into its mouth.
func TestInterruptedDump(t *testing.T) {
	table, err := OpenSocketTable()
	require.NoError(t, err)
	defer table.Close()
	err = table.dump(func(*netlink.Handle) error { return netlink.ErrDumpInterrupted })
	require.ErrorIs(t, err, ErrInterrupted)
	assert.EqualError(t, err, "dump the socket table: the table changed while it was dumped")
}

// A link-local endpoint means nothing without its interface.
func TestSocketTableTellsScopes(t *testing.T) {
	n := nettest.New(t)
	n.AddAddress(t, "lo", "fe80::1/64")
	n.Do(t, func() {
		s, err := net.ListenPacket("udp6", "[fe80::1%lo]:12000")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	})
	rows, err := openSocketTable(t, n).Dump()
	require.NoError(t, err)
	require.Len(t, rows, 1)
	assert.Equal(t, "[fe80::1%1]:12000", rows[0].Local.String())
	assert.Equal(t, "[fe80::1]:12000", evidence.Unmap(rows[0].Local).String())
}
