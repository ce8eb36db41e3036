package topology_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestScaleAddsCopiesOfTheFirstClient(t *testing.T) {
	lab, err := topology.ScaleClients(star(3, false).lab(), 5)
	require.NoError(t, err)
	assert.Equal(t, []string{"client1", "client2", "client3", "client4", "client5"}, lab.Clients)
	assert.Equal(t, time.Minute+time.Second, lab.Limit)
	added, ok := lab.Host("client5")
	require.True(t, ok)
	assert.Equal(t, map[string][]netip.Addr{
		"client1": {netip.MustParseAddr("10.12.2.10")}, "client2": {netip.MustParseAddr("10.12.3.10")}, "client3": {netip.MustParseAddr("10.12.4.10")},
		"client4": {netip.MustParseAddr("10.12.5.2")}, "r1": {netip.MustParseAddr("10.12.2.251")}, "server": {netip.MustParseAddr("10.12.0.10")},
	}, added.ExtraHosts)
	added.ExtraHosts = nil
	assert.Equal(t, &topology.Host{
		Name: "client5", Hostname: "client5", Program: []string{"run", "client1"}, DependsOn: []string{"r1", "server"},
		Links:  []topology.Link{{Subnet: "lan1-5", Address: netip.MustParsePrefix("10.12.5.18/28")}},
		Routes: []topology.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.12.5.30")}},
	}, added)
	subnet, _ := lab.Subnet("lan1-5")
	assert.Equal(t, &topology.Subnet{Name: "lan1-5", Prefix: netip.MustParsePrefix("10.12.5.16/28"), Gateway: netip.MustParseAddr("10.12.5.17")}, subnet)
	assert.Equal(t, topology.DefaultSteps(lab.Hosts), lab.Steps)
	assert.Contains(t, lab.Steps[1].On, "client5")
}

func TestScaleKeepsTheFirstClients(t *testing.T) {
	lab, err := topology.ScaleClients(behindNAT().lab(), 1)
	require.NoError(t, err)
	want := behindNAT()
	want.subnets, want.clients = want.subnets[:2], want.clients[:1]
	want.hosts = append(want.hosts[:2:2], want.hosts[3])
	assert.Equal(t, want.lab(), lab, "nat2 and lan2 served pc2 only")

	lab, err = topology.ScaleClients(star(3, true).lab(), 1)
	require.NoError(t, err)
	assert.Equal(t, star(1, true).lab(), lab)
}

// A copy's subnet is translated where the first client's is.
func TestScaleTranslatesTheNewSubnets(t *testing.T) {
	s := star(1, false)
	s.hosts[len(s.hosts)-1].masquerade = []string{"lan1"}
	lab, err := topology.ScaleClients(s.lab(), 2)
	require.NoError(t, err)
	r1, _ := lab.Host("r1")
	assert.Equal(t, []string{"lan1", "lan1-2"}, r1.Masquerade)
}

func TestScaleSaysWhatCannotBe(t *testing.T) {
	alone := sketch{
		clients: []string{"client1"}, subnets: []string{"lan"},
		hosts: []sketchedHost{{name: "client1", on: []int{0}, address: 10}, {name: "server", on: []int{0}, address: 11}},
	}
	both := star(1, false)
	both.hosts[1].on = []int{0, 2}
	for _, test := range []struct {
		name string
		lab  sketch
		n    int
		want string
	}{
		{"none", star(3, false), 0, "scale sketch to 0 clients: a lab has at least 1"},
		{"fewer than none", star(3, false), -1, "scale sketch to -1 clients: a lab has at least 1"},
		{"no clients", star(0, false), 1, "scale sketch to 1 clients: the lab names no clients under x-lab, so there is none to copy"},
		{"no router", alone, 2, "scale sketch to 2 clients: no router is on lan with its first client, client1, so a copy elsewhere would reach nobody"},
		{"two subnets", both, 2, "scale sketch to 2 clients: its first client, client1, must be on exactly one subnet to be copied"},
		{"no room", star(2, false), 4096, "scale sketch to 4096 clients: the most that fits into 10.12.0.0/16 is 4034"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := topology.ScaleClients(test.lab.lab(), test.n)
			assert.EqualError(t, err, test.want)
		})
	}
	ipv6 := star(1, false)
	ipv6.ipv6 = []string{"lan1"}
	_, err := topology.ScaleClients(ipv6.lab(), 2)
	assert.EqualError(t, err, "scale sketch to 2 clients: its first client, client1, is on a subnet with IPv6, and new subnets have IPv4 only")

	stepped := star(2, false).lab()
	stepped.Steps = append([]topology.Step{{Action: topology.Start, On: []string{"client1"}}}, stepped.Steps...)
	for _, n := range []int{1, 3} {
		_, err = topology.ScaleClients(stepped, n)
		assert.ErrorContains(t, err, "clients: the lab has steps of its own, which name whom they are for; run it as it is")
	}
	same, err := topology.ScaleClients(stepped, 2)
	require.NoError(t, err)
	assert.Equal(t, stepped, same)

	_, err = topology.ScaleClients(star(2, false).lab(), 4034)
	assert.NoError(t, err, "the control of no room")
}

// Whatever a lab is scaled to, it stays whole: every address is one host's, in
// its subnet and no gateway; every client reaches the server and back; and the
// lab that was scaled is as it was.
func TestScaledLabsAreWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := star(rapid.IntRange(1, 6).Draw(t, "clients"), rapid.Bool().Draw(t, "chain"))
		if rapid.Bool().Draw(t, "NAT") {
			s = behindNAT()
		}
		lab := s.lab()
		n := rapid.IntRange(1, 40).Draw(t, "n")
		before := text(t, lab)
		scaled, err := topology.ScaleClients(lab, n)
		require.NoError(t, err)
		require.Equal(t, before, text(t, lab))
		require.Len(t, scaled.Clients, n)
		checkAddresses(t, scaled)
		server, _ := scaled.Host("server")
		for _, name := range scaled.Clients {
			client, ok := scaled.Host(name)
			require.True(t, ok)
			_, err := forward(scaled, name, server.Links[0].Address.Addr())
			require.NoError(t, err)
			_, err = forward(scaled, "server", client.Links[0].Address.Addr())
			require.NoError(t, err)
		}
		again, err := topology.ScaleClients(scaled, min(n, len(lab.Clients)))
		require.NoError(t, err)
		least, err := topology.ScaleClients(lab, min(n, len(lab.Clients)))
		require.NoError(t, err)
		again.Limit = least.Limit
		require.Equal(t, text(t, least), text(t, again), "and back again")
	})
}

func checkAddresses(t *rapid.T, lab *topology.Lab) {
	owners := make(map[netip.Addr]string)
	for i, s := range lab.Subnets {
		require.True(t, i == 0 || lab.Subnets[i-1].Name < s.Name, "subnets are sorted")
		for _, other := range lab.Subnets[:i] {
			require.False(t, s.Prefix.Overlaps(other.Prefix), "%s and %s", s.Prefix, other.Prefix)
		}
	}
	for i, h := range lab.Hosts {
		require.True(t, i == 0 || lab.Hosts[i-1].Name < h.Name, "hosts are sorted")
		for i, link := range h.Links {
			require.True(t, i == 0 || h.Links[i-1].Subnet < link.Subnet, "links are sorted")
			s, ok := lab.Subnet(link.Subnet)
			require.True(t, ok)
			address := link.Address.Addr()
			require.Equal(t, s.Prefix, link.Address.Masked())
			require.NotContains(t, []netip.Addr{s.Prefix.Addr(), s.Gateway}, address)
			require.True(t, s.Prefix.Contains(address.Next()), "%s is no broadcast address", address)
			require.NotContains(t, owners, address)
			owners[address] = h.Name
		}
		for _, name := range h.DependsOn {
			_, ok := lab.Host(name)
			require.True(t, ok, name)
		}
	}
}

func text(t *rapid.T, lab *topology.Lab) string {
	data, err := json.Marshal(lab)
	require.NoError(t, err)
	return string(data)
}
