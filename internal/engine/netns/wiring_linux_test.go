package netns

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestBuildRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(client *topology.Host)
		says   string
	}{
		"a sysctl of the machine": {
			func(c *topology.Host) { c.Sysctls = map[string]string{"kernel.pid_max": "1"} },
			`sysctl "kernel.pid_max" of client1: a host has its own net.* and nothing else`,
		},
		"a path of dots": {
			func(c *topology.Host) { c.Sysctls = map[string]string{"net....kernel.pid_max": "1"} },
			"a host has its own net.*",
		},
		"an unknown subnet": {
			func(c *topology.Host) { c.Links[0].Subnet = "nowhere" },
			"client1: there is no subnet nowhere",
		},
		"IPv6 for IPv4": {
			func(c *topology.Host) { c.Links[0].Address = netip.MustParsePrefix("fd12::1/64") },
			"client1 on net1: fd12::1/64 is no IPv4 address",
		},
		"IPv4 for IPv6": {
			func(c *topology.Host) { c.Links[0].Address6 = netip.MustParsePrefix("10.12.0.1/24") },
			"client1 on net1: 10.12.0.1/24 is no IPv6 address",
		},
		"a long MAC": {
			func(c *topology.Host) { c.Links[0].MAC = "02:00:00:00:00:00:00:01" },
			"not an Ethernet address",
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := star(1)
			client, _ := l.Host("client1")
			c.change(client)
			_, err := Build(t.Context(), l, nil)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// On a wide subnet everybody knows the router and the server, which others
// depend on, and only they know everybody: entries grow with the hosts and not
// with their square.
func TestNeighboursOfAWideSubnet(t *testing.T) {
	names := func(clients int, of string) []string {
		l := &topology.Lab{Subnets: []topology.Subnet{{Name: "home"}}}
		add := func(h topology.Host, address string) {
			h.Links = []topology.Link{{Subnet: "home", Address: netip.MustParsePrefix(address)}}
			l.Hosts = append(l.Hosts, h)
		}
		for i := range clients {
			add(topology.Host{Name: fmt.Sprintf("client%d", i+1), DependsOn: []string{"server"}}, fmt.Sprintf("10.12.%d.%d/16", 1+i/200, i%200))
		}
		add(topology.Host{Name: "router", Forwards: true}, "10.12.0.254/16")
		add(topology.Host{Name: "server"}, "10.12.0.10/16")
		members, err := membersOf(l)
		require.NoError(t, err)
		for _, m := range members["home"] {
			if m.host.Name == of {
				var names []string
				for _, n := range neighbours(members["home"], m) {
					names = append(names, n.host.Name)
				}
				return names
			}
		}
		return nil
	}
	require.Equal(t, []string{"router", "server"}, names(500, "client7"))
	require.Len(t, names(500, "server"), 501)
	require.Len(t, names(500, "router"), 501)
	require.Equal(t, []string{"client1", "client3", "router", "server"}, names(3, "client2"), "on a narrow one everybody knows everybody")
}

// Both ends of every link know each other for good: nothing is left to the
// machine's neighbour table, whose 1,024 entries all namespaces share.
func TestNeighboursArePermanent(t *testing.T) {
	n := build(t, chain())
	for host, want := range map[string][]string{
		"server":  {"10.12.0.254 02:42:0a:0c:00:fe"},
		"inner":   {"10.12.0.10 02:42:0a:0c:00:0a", "10.12.1.2 02:42:0a:0c:01:02"},
		"client5": {"10.12.2.10 02:42:0a:0c:02:0a", "10.12.2.11 02:42:0a:0c:02:0b", "10.12.2.12 02:42:0a:0c:02:0c", "10.12.2.13 02:42:0a:0c:02:0d", "10.12.2.254 02:42:0a:0c:02:fe"},
	} {
		require.NoError(t, dial(n.Host("client1"), "10.12.0.10:1"), "a connection needs no other entries")
		var got []string
		require.NoError(t, n.Host(host).Do(func() error {
			entries, err := netlink.NeighList(0, netlink.FAMILY_V4)
			for _, e := range entries {
				if e.State != netlink.NUD_NOARP { // lo's
					require.Equal(t, netlink.NUD_PERMANENT, e.State, e)
					got = append(got, e.IP.String()+" "+e.HardwareAddr.String())
				}
			}
			return err
		}))
		require.ElementsMatch(t, want, got, host)
	}
}
