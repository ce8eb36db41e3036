package topology_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fourtuple/fourtuple/lab/topology"
)

func widen(t testing.TB, lab *topology.Lab, n int) *topology.Lab {
	t.Helper()
	widened, err := topology.Widen(lab, n)
	require.NoError(t, err)
	return widened
}

func names(lab *topology.Lab) (hosts, subnets []string) {
	for _, h := range lab.Hosts {
		hosts = append(hosts, h.Name)
	}
	for _, s := range lab.Subnets {
		subnets = append(subnets, s.Name)
	}
	return hosts, subnets
}

// checkReadsBack wants what no loader has checked to be what one reads.
func checkReadsBack(t require.TestingT, lab *topology.Lab) {
	again, err := topology.Parse("lab.yml", lab.Source, nil)
	require.NoError(t, err)
	require.Equal(t, string(lab.Source), string(again.Source))
	require.Equal(t, lab, again)
}

// The first lab with five clients:
//
//	server ── home ── router ┬─ cafe ───── client1
//	                         ├─ office ─── client2
//	                         ├─ campus ─── client3
//	                         ├─ campus-4 ─ client4
//	                         └─ campus-5 ─ client5
func TestWidenToFiveClients(t *testing.T) {
	first := parse(t, firstLab, string(read(t, firstLab)))
	five := widen(t, first, 5)
	assert.Equal(t, []string{"client1", "client2", "client3", "client4", "client5"}, five.Clients)
	hosts, subnets := names(five)
	assert.Equal(t, []string{"client1", "client2", "client3", "client4", "client5", "router", "server"}, hosts)
	assert.Equal(t, []string{"cafe", "campus", "campus-4", "campus-5", "home", "office"}, subnets)
	checkReadsBack(t, five)
	golden(t, "five.yml", five.Source)

	last, _ := first.Host("client3")
	client, _ := five.Host("client5")
	assert.Equal(t, "10.12.4.18/28", client.Links[0].Address.String())
	assert.Equal(t, []string{"0.0.0.0/0 via 10.12.4.30"}, routes(t, five, "client5"))
	assert.Equal(t, last.Program, client.Program)
	assert.Equal(t, last.DependsOn, client.DependsOn)
	campus, _ := first.Subnet("campus")
	campus5, _ := five.Subnet("campus-5")
	assert.Equal(t, campus.DriverOptions, campus5.DriverOptions)
	for _, h := range first.Hosts {
		if h.Name != "router" {
			same, _ := five.Host(h.Name)
			assert.Equal(t, &h, same)
		}
	}
}

func TestWidenToFewerTakesTheirSubnetsAway(t *testing.T) {
	first := parse(t, firstLab, string(read(t, firstLab)))
	one := widen(t, first, 1)
	hosts, subnets := names(one)
	assert.Equal(t, []string{"client1", "router", "server"}, hosts)
	assert.Equal(t, []string{"cafe", "home"}, subnets)
	assert.Equal(t, []string{"client1"}, one.Clients)
	checkReadsBack(t, one)
}

func TestWidenToAsManyIsTheSameLab(t *testing.T) {
	for name, text := range labs(t) {
		if lab := parse(t, "lab.yml", text); len(lab.Clients) > 0 {
			same := widen(t, lab, len(lab.Clients))
			assert.Equal(t, lab, same, name)
			assert.NotSame(t, lab, same)
		}
	}
}

// Each client is behind a router that translates, and all look like it:
//
//	server ── net ┬─ nat1 ── lan1 ── pc1
//	              └─ nat2 ── lan2 ── pc2
func behindNAT() sketch {
	masquerade := "    x-lab: {masquerade: [net]}\n"
	return sketch{
		lab:     "  server: server\n  clients: [pc1, pc2]\n",
		subnets: []string{"net", "lan1", "lan2"},
		hosts: []sketchedHost{
			{name: "server", on: []int{0}, address: 10},
			{name: "nat1", on: []int{0, 1}, address: 21, router: true, extra: masquerade},
			{name: "nat2", on: []int{0, 2}, address: 22, router: true, extra: masquerade},
			{name: "pc1", on: []int{1}, address: 31},
			{name: "pc2", on: []int{2}, address: 32, extra: "    hostname: two\n    container_name: two\n    depends_on: [nat2]\n"},
		},
	}
}

func TestWidenTakesARouterAwayWithItsOnlyClient(t *testing.T) {
	one := widen(t, parse(t, "lab.yml", behindNAT().text()), 1)
	hosts, subnets := names(one)
	assert.Equal(t, []string{"nat1", "pc1", "server"}, hosts)
	assert.Equal(t, []string{"lan1", "net"}, subnets)
	checkReadsBack(t, one)
}

func TestWidenCopiesBehindTheLastClientsRouter(t *testing.T) {
	s := behindNAT()
	s.hosts[2].extra = "    x-lab: {masquerade: [net, lan2]}\n"
	three := widen(t, parse(t, "lab.yml", s.text()), 3)
	nat, _ := three.Host("nat2")
	assert.Equal(t, []string{"net", "lan2", "lan2-3"}, nat.Masquerade)
	copied, _ := three.Host("pc3")
	assert.Equal(t, "pc3", copied.Hostname, "a name is one host's only")
	assert.Equal(t, 1, strings.Count(string(three.Source), "container_name"))
	assert.Equal(t, []string{"nat2"}, copied.DependsOn)
	assert.Equal(t, []string{"0.0.0.0/0 via 10.12.3.14"}, routes(t, three, "pc3"))
	checkReadsBack(t, three)
}

// A client that shares its subnet with the server leaves the subnet there.
func TestWidenKeepsASubnetThatOthersAreOn(t *testing.T) {
	s := behindNAT()
	s.hosts[4].on = []int{0}
	one := widen(t, parse(t, "lab.yml", s.text()), 1)
	hosts, subnets := names(one)
	assert.Equal(t, []string{"nat1", "nat2", "pc1", "server"}, hosts)
	assert.Equal(t, []string{"lan1", "lan2", "net"}, subnets)
}

func TestWidenNumbersOnFromNamesThatAreFree(t *testing.T) {
	for _, test := range []struct {
		name, rename, taken string
		want                []string
	}{
		{"a number", "pc7", "", []string{"pc8", "pc9"}},
		{"a number with zeros", "pc07", "", []string{"pc8", "pc9"}},
		{"no number", "laptop", "", []string{"laptop3", "laptop4"}},
		{"a host's name", "pc7", "pc8", []string{"pc9", "pc10"}},
		{"a number too large", "pc99999999999999999999", "", []string{"pc3", "pc4"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := behindNAT()
			s.hosts[4].name = test.rename
			s.lab = fmt.Sprintf("  clients: [pc1, %s]\n", test.rename)
			if test.taken != "" {
				s.hosts[0].name = test.taken
			}
			four := widen(t, parse(t, "lab.yml", s.text()), 4)
			assert.Equal(t, test.want, four.Clients[2:])
		})
	}
}

// What is in the /16 already, in whole or in part, stays what it is.
func TestWidenTakesFreeSubnetsOnly(t *testing.T) {
	text := edited(t, small(t),
		edit{"- subnet: 10.12.0.0/24", "- subnet: 10.12.0.24/29"}, edit{serverHome, "home: {ipv4_address: 10.12.0.26}"},
		edit{"ipv4_address: 10.12.0.254", "ipv4_address: 10.12.0.30"},
		edit{"- subnet: 10.12.1.0/24", "- subnet: 10.12.0.32/27"}, edit{"ipv4_address: 10.12.1.254", "ipv4_address: 10.12.0.62"},
		edit{"ipv4_address: 10.12.1.10", "ipv4_address: 10.12.0.34"})
	three := widen(t, parse(t, "lab.yml", text), 3)
	second, _ := three.Subnet("cafe-2")
	assert.Equal(t, "10.12.0.0/28", second.Prefix.String())
	third, _ := three.Subnet("cafe-3")
	assert.Equal(t, "10.12.0.64/28", third.Prefix.String())
}

func TestWidenSaysWhyItCannot(t *testing.T) {
	first := parse(t, firstLab, string(read(t, firstLab)))
	wide := edited(t, small(t), edit{"- subnet: 10.12.1.0/24", "- subnet: 10.13.0.0/16"},
		edit{"ipv4_address: 10.12.1.254", "ipv4_address: 10.13.1.254"}, edit{"ipv4_address: 10.12.1.10", "ipv4_address: 10.13.1.10"})
	twoDoors, alone := behindNAT(), behindNAT()
	twoDoors.hosts[4].on = []int{1, 2}
	alone.hosts[2].router, alone.hosts[2].extra = false, ""
	crowd := behindNAT()
	for i := range 12 {
		crowd.hosts = append(crowd.hosts, sketchedHost{name: fmt.Sprintf("extra%d", i), on: []int{0, 2}, address: 100 + i, router: true})
	}
	for _, test := range []struct {
		lab  *topology.Lab
		n    int
		want string
	}{
		{first, 0, "widen three-clients to 0 clients: a lab has at least 1"},
		{first, -1, "widen three-clients to -1 clients: a lab has at least 1"},
		{first, 4036, "widen three-clients to 4036 clients: the most that fits into 10.12.0.0/16 is 4035"},
		{parse(t, "lab.yml", wide), 2, "widen small to 2 clients: the most that fits into 10.13.0.0/16 is 1"},
		{parse(t, "x/lab.yml", labs(t)["no x-lab"]), 1, "widen x to 1 clients: the lab names no clients under x-lab, so there is none to copy"},
		{parse(t, "lab.yml", twoDoors.text()), 3, "widen sketch to 3 clients: its last client, pc2, is on 2 subnets; only a client on one can be copied"},
		{parse(t, "lab.yml", alone.text()), 3, "widen sketch to 3 clients: no router is on lan2 with its last client, pc2, so a copy elsewhere would reach nobody"},
		{parse(t, "lab.yml", crowd.text()), 3, "widen sketch to 3 clients: 13 routers are on lan2, and a new subnet has room for 12"},
	} {
		_, err := topology.Widen(test.lab, test.n)
		assert.EqualError(t, err, test.want)
	}
}

// Of the /16 only 10.12.63.0/24 is free, which is 16 new subnets.
func TestWidenToTheMost(t *testing.T) {
	text := edited(t, small(t), edit{homeSubnet, "- subnet: 10.12.0.0/19"},
		edit{"- subnet: 10.12.1.0/24", "- subnet: 10.12.32.0/20"}, edit{"ipv4_address: 10.12.1.254", "ipv4_address: 10.12.32.254"},
		edit{"ipv4_address: 10.12.1.10", "ipv4_address: 10.12.32.10"})
	for name, subnet := range map[string]string{"a": "10.12.48.0/21", "b": "10.12.56.0/22", "c": "10.12.60.0/23", "d": "10.12.62.0/24", "e": "10.12.64.0/18", "f": "10.12.128.0/17"} {
		text += fmt.Sprintf("  %s: {ipam: {config: [{subnet: %s}]}}\n", name, subnet)
	}
	lab := parse(t, "lab.yml", text)
	most := widen(t, lab, 17)
	last, _ := most.Subnet("cafe-17")
	assert.Equal(t, "10.12.63.240/28", last.Prefix.String())
	_, err := topology.Widen(lab, 18)
	assert.EqualError(t, err, "widen small to 18 clients: the most that fits into 10.12.0.0/16 is 17")
}

// Whatever is widened reads back, has its clients on subnets of their own and
// reaches the server and back; and what is narrowed again never was wide.
func TestWidenKeepsWhatItPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clients := rapid.IntRange(1, 4).Draw(t, "clients")
		lab, err := topology.Parse("lab.yml", []byte(star(clients, rapid.Bool().Draw(t, "chain")).text()), nil)
		require.NoError(t, err)
		n := rapid.IntRange(1, 30).Draw(t, "n")
		widened, err := topology.Widen(lab, n)
		require.NoError(t, err)
		checkReadsBack(t, widened)
		require.Len(t, widened.Clients, n)

		subnets := make(map[string]bool)
		server, _ := widened.Host("server")
		for _, name := range widened.Clients {
			client, ok := widened.Host(name)
			require.True(t, ok)
			require.Len(t, client.Links, 1)
			subnets[client.Links[0].Subnet] = true
			_, err := forward(widened, name, server.Address())
			require.NoError(t, err)
			_, err = forward(widened, "server", client.Address())
			require.NoError(t, err)
		}
		require.Len(t, subnets, n)

		k := rapid.IntRange(1, n).Draw(t, "k")
		again, err := topology.Widen(widened, k)
		require.NoError(t, err)
		direct, err := topology.Widen(lab, k)
		require.NoError(t, err)
		require.Equal(t, string(direct.Source), string(again.Source))
	})
}

// star has clients around a router, and the server behind it or, in a chain,
// behind one more:
//
//	client1 ── lan1 ─┐
//	client2 ── lan2 ─┴─ r1 ── home ── server      (r1 ── back ── r2 ── home)
func star(clients int, chain bool) sketch {
	s := sketch{subnets: []string{"home", "back"}, lab: "  server: server\n  clients: ["}
	r1 := sketchedHost{name: "r1", on: []int{0}, address: 251, router: true}
	if chain {
		r1.on = []int{1}
		s.hosts = append(s.hosts, sketchedHost{name: "r2", on: []int{0, 1}, address: 252, router: true})
	}
	s.hosts = append(s.hosts, sketchedHost{name: "server", on: []int{0}, address: 10})
	for i := range clients {
		s.subnets = append(s.subnets, fmt.Sprintf("lan%d", i+1))
		r1.on = append(r1.on, i+2)
		name := fmt.Sprintf("client%d", i+1)
		s.hosts = append(s.hosts, sketchedHost{name: name, on: []int{i + 2}, address: 10, extra: "    depends_on: [server, r1]\n"})
		s.lab += name + ","
	}
	s.hosts = append(s.hosts, r1)
	s.lab += "]\n"
	return s
}

func BenchmarkWidenToAThousand(b *testing.B) {
	lab := parse(b, firstLab, string(read(b, firstLab)))
	for b.Loop() {
		widen(b, lab, 1000)
	}
}

func BenchmarkParseAThousand(b *testing.B) {
	text := widen(b, parse(b, firstLab, string(read(b, firstLab))), 1000).Source
	for b.Loop() {
		if _, err := topology.Parse("lab.yml", text, nil); err != nil {
			b.Fatal(err)
		}
	}
}
