package netns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// IPv6 is where the lab has it, at once, and nowhere else.
//
//	                         ┌─ net1 ── client1
//	server ── home ── router ┤
//	                         └─ net2 ── client2 (IPv4 only)
func TestIPv6(t *testing.T) {
	for range 3 {
		n := build(t, dual(2))
		server := start(t, n.Host("server"), "echo", "[::]:12000")
		server.says("listening")
		require.Equal(t, "hello from [fd12:0:0:1::10]", dialed(t, n, "client1", "[fd12::10]:12000"))
		require.Equal(t, "hello from 10.12.0.74", dialed(t, n, "client1", "10.12.0.10:12000"))
		require.Equal(t, "hello from 10.12.0.138", dialed(t, n, "client2", "10.12.0.10:12000"))
		require.Equal(t, "hello from [::1]", dialed(t, n, "server", "[::1]:12000"))
		require.NoError(t, n.Close())
	}
	n := build(t, dual(2))
	for host, want := range map[string][]string{
		"server":  {"lo ::1/128", "eth0 fd12::10/64", "eth0 link-local"},
		"client1": {"lo ::1/128", "eth0 fd12:0:0:1::10/64", "eth0 link-local"},
		"client2": nil,
		"router":  {"lo ::1/128", "eth0 fd12::fe/64", "eth0 link-local", "eth1 fd12:0:0:1::fe/64", "eth1 link-local"},
	} {
		require.ElementsMatch(t, want, addresses6(t, n.Host(host)), host)
	}
	for host, want := range map[string]string{
		"server":  "127.0.0.1\tlocalhost\n::1\tlocalhost\n10.12.0.10\tserver\nfd12::10\tserver\n10.12.0.62\trouter\nfd12::fe\trouter\n",
		"client2": "127.0.0.1\tlocalhost\n10.12.0.138\tclient2\n10.12.0.190\trouter\n",
	} {
		require.Equal(t, want, reports(t, n.Host(host), agent.Program{}).Hosts, host)
	}
}

// dialed dials an echo server from a host and returns its answer without the
// port.
func dialed(t *testing.T, n *Network, host, address string) string {
	t.Helper()
	answer := start(t, n.Host(host), "dial", address).ends(0)
	i := len(answer) - 1
	for answer[i] != ':' {
		i--
	}
	return answer[:i]
}

// addresses6 are the host's IPv6 addresses, which can be used at once.
func addresses6(t *testing.T, h *Host) (all []string) {
	t.Helper()
	require.NoError(t, h.Do(func() error {
		interfaces, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, i := range interfaces {
			addresses, err := i.Addrs()
			if err != nil {
				return err
			}
			for _, a := range addresses {
				p := netip.MustParsePrefix(a.String())
				switch {
				case p.Addr().Is4():
				case p.Addr().IsLinkLocalUnicast():
					all = append(all, i.Name+" link-local")
				default:
					all = append(all, i.Name+" "+p.String())
					l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp6", netip.AddrPortFrom(p.Addr(), 0).String())
					if err != nil {
						return err
					}
					l.Close()
				}
			}
		}
		return nil
	}))
	return all
}

// Hosts that a wide subnet does not make neighbours of each other find each
// other by neighbour discovery.
func TestNeighbourDiscovery(t *testing.T) {
	l := &topology.Lab{Subnets: []topology.Subnet{{Name: "home"}}}
	for i := range allKnow + 1 {
		l.Hosts = append(l.Hosts, topology.Host{Name: fmt.Sprintf("host%02d", i), Links: []topology.Link{{
			Subnet:   "home",
			Address:  netip.MustParsePrefix(fmt.Sprintf("10.12.0.%d/24", 10+i)),
			Address6: netip.MustParsePrefix(fmt.Sprintf("fd12::%d/64", 10+i)),
		}}})
	}
	n := build(t, l)
	start(t, n.Host("host00"), "echo", "[fd12::10]:12000").says("listening")
	require.Equal(t, "hello from [fd12::11]", dialed(t, n, "host01", "[fd12::10]:12000"))
}

// As uid 65534.
func TestIPv6Rootless(t *testing.T) {
	needsUserNamespaces(t)
	out, err := ordinarily(t, "ipv6").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `^hello from \[fd12:0:0:1::10\]:\d+\n$`, string(out))
}

// ipv6Program asks an echo server something over a router.
func ipv6Program([]string) error {
	n, err := Build(context.Background(), dual(2), nil)
	if err != nil {
		return err
	}
	defer n.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := n.Host("server").Start(context.Background(), agent.Program{Args: []string{"client", "echo", "[fd12::10]:12000"}, Stdout: w, Stderr: os.Stderr}); err != nil {
		return err
	}
	if _, err := r.Read(make([]byte, 64)); err != nil { // "listening"
		return err
	}
	p, err := n.Host("client1").Start(context.Background(), agent.Program{Args: []string{"client", "dial", "[fd12::10]:12000"}, Stdout: os.Stdout, Stderr: os.Stderr})
	if err != nil {
		return err
	}
	if status, err := p.Wait(); status != 0 || err != nil {
		return fmt.Errorf("status %d, %w", status, err)
	}
	return n.Close()
}
