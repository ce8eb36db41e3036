package compose_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
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
