package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/topology"
)

var _ agent.Namespace = (*Host)(nil)

// asked starts an echo server on the server's first address and returns what
// it answers to the client's hello.
func asked(t *testing.T, l *topology.Lab, n *Network, client string) string {
	t.Helper()
	serverHost, _ := l.Host("server")
	address := netip.AddrPortFrom(serverHost.Links[0].Address.Addr(), 12000).String()
	server := start(t, n.Host("server"), "echo", address)
	server.says("listening")
	answer := start(t, n.Host(client), "dial", address).ends(0)
	require.NoError(t, server.Signal(syscall.SIGKILL))
	server.ends(128 + 9)
	return strings.TrimSpace(answer)
}

// The first SYN arrives: when Build returns, every link carries.
//
//	server ── home ── router ── net1 ── client1
func TestEchoOverRouter(t *testing.T) {
	for range 5 {
		l := star(1)
		n := build(t, l)
		require.Regexp(t, `^hello from 10\.12\.0\.74:\d+$`, asked(t, l, n, "client1"))
		sent, again := tcpCounters(t, n.Host("client1"))
		require.NotZero(t, sent)
		require.Zero(t, again, "no segment was sent twice")
		require.NoError(t, n.Close())
	}
}

// Two routers, and a bridge with five clients; see chain.
func TestEchoOverTwoRoutersAndABridge(t *testing.T) {
	l := chain()
	n := build(t, l)
	for i := range 5 {
		client := fmt.Sprintf("client%d", i+1)
		require.Regexp(t, fmt.Sprintf(`^hello from 10\.12\.2\.%d:\d+$`, 10+i), asked(t, l, n, client))
		_, again := tcpCounters(t, n.Host(client))
		require.Zero(t, again, "no segment was sent twice")
	}
}

// Without a route there is no way, and without forwarding there is none either.
//
//	server ── home ── router (does not forward) ── net1 ── client1, client2 (no route)
func TestNoPathWithoutRouter(t *testing.T) {
	l := star(2)
	router, _ := l.Host("router")
	router.Forwards = false
	client2, _ := l.Host("client2")
	client2.Routes = nil
	n := build(t, l)
	require.NoError(t, dial(n.Host("router"), "10.12.0.10:1"), "the server's neighbor reaches it: it refuses")
	require.ErrorIs(t, dial(n.Host("client2"), "10.12.0.10:1"), syscall.ENETUNREACH)
	var timeout net.Error
	require.ErrorAs(t, dial(n.Host("client1"), "10.12.0.10:1"), &timeout)
	require.True(t, timeout.Timeout(), timeout)
}

// dial returns nil if the address refuses a connection, as a host does that is
// reached and on which nobody listens.
func dial(h *Host, address string) error {
	return h.Do(func() error {
		c, err := net.DialTimeout("tcp4", address, 300*time.Millisecond)
		if err == nil {
			return errors.Join(errors.New("somebody listens"), c.Close())
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		return err
	})
}

func TestHostsHaveWhatTheLabSays(t *testing.T) {
	l := star(1)
	asked, _ := l.Host("client1")
	asked.Sysctls = map[string]string{
		"net.ipv4.conf.eth0.rp_filter": "2", "net.ipv4.ip_default_ttl": "33", "net.ipv4.conf.default.rp_filter": "1",
	}
	n := build(t, l)
	client := n.Host("client1")
	require.Equal(t, "33", setting(t, client, "ipv4/ip_default_ttl"))
	require.Equal(t, "1", setting(t, client, "ipv4/conf/default/rp_filter"))
	require.Equal(t, "2", setting(t, client, "ipv4/conf/eth0/rp_filter"))
	require.Equal(t, "0", setting(t, client, "ipv4/ip_forward"))
	require.Equal(t, "1", setting(t, n.Host("router"), "ipv4/ip_forward"))
	require.Equal(t, "64", setting(t, n.Host("server"), "ipv4/ip_default_ttl"))

	require.NoError(t, client.Do(func() error {
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		require.Equal(t, "02:42:0a:0c:00:4a", eth0.HardwareAddr.String())
		addresses, err := eth0.Addrs()
		require.Equal(t, "[10.12.0.74/26]", fmt.Sprint(addresses), "and no IPv6 address")
		return err
	}))
}

func TestHostsHaveSocketTablesOfTheirOwn(t *testing.T) {
	n := build(t, star(1))
	if _, err := os.Stat("/proc/sys/net/ipv4/tcp_child_ehash_entries"); err != nil {
		t.Skip("this kernel has one TCP hash table for all; Linux has more from 6.1 on")
	}
	require.Equal(t, hashEntries, setting(t, n.Host("client1"), "ipv4/tcp_ehash_entries"))
}

// setting reads a kernel parameter of the host.
func setting(t *testing.T, h *Host, name string) string {
	t.Helper()
	var text []byte
	require.NoError(t, h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/sys/net/" + name)
		return err
	}))
	return strings.TrimSpace(string(text))
}

// tcpCounters returns how many TCP segments the host sent, and sent again.
func tcpCounters(t *testing.T, h *Host) (sent, again int) {
	t.Helper()
	var text []byte
	require.NoError(t, h.Do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/snmp")
		return err
	}))
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if fields[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			switch name {
			case "OutSegs":
				_, _ = fmt.Sscan(fields[i], &sent)
			case "RetransSegs":
				_, _ = fmt.Sscan(fields[i], &again)
			}
		}
	}
	return sent, again
}

// Two networks with the same addresses at once: who listens in one is not there
// in the other.
func TestTwoNetworksDoNotMeet(t *testing.T) {
	l := star(1)
	first, second := build(t, l), build(t, l)
	start(t, first.Host("server"), "echo", "10.12.0.10:12000").says("listening")
	require.Error(t, dial(first.Host("client1"), "10.12.0.10:12000"))
	require.NoError(t, dial(second.Host("client1"), "10.12.0.10:12000"))
}
