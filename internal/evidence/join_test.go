package evidence

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// joinLab is the lab of these tests:
//
//	client 10.12.1.10 ── r1 ── 10.12.9.0/24 ── r2 ── 10.12.0.10 server
func joinLab(masquerade ...string) *topology.Lab {
	link := func(subnet, address string) topology.Link {
		return topology.Link{Subnet: subnet, Address: netip.MustParsePrefix(address + "/24")}
	}
	lab := &topology.Lab{
		Clients: []string{"client"},
		Subnets: []topology.Subnet{
			{Name: "cafe", Prefix: netip.MustParsePrefix("10.12.1.0/24")},
			{Name: "home", Prefix: netip.MustParsePrefix("10.12.0.0/24")},
			{Name: "mid", Prefix: netip.MustParsePrefix("10.12.9.0/24")},
		},
		Hosts: []topology.Host{
			{Name: "client", Links: []topology.Link{link("cafe", "10.12.1.10")}},
			{Name: "r1", Forwards: true, Links: []topology.Link{link("cafe", "10.12.1.254"), link("mid", "10.12.9.11")}},
			{Name: "r2", Forwards: true, Links: []topology.Link{link("home", "10.12.0.254"), link("mid", "10.12.9.12")}},
			{Name: "server", Links: []topology.Link{link("home", "10.12.0.10")}},
		},
	}
	for i := range lab.Hosts {
		if slices.Contains(masquerade, lab.Hosts[i].Name) {
			lab.Hosts[i].Masquerade = []string{"mid", "home"}
		}
	}
	topology.ComputeRoutes(lab)
	return lab
}

func runOf(lab *topology.Lab, hosts ...*Host) *Run {
	r := &Run{Lab: lab, Hosts: make(map[string]*Host)}
	for _, h := range lab.Hosts {
		r.Hosts[h.Name] = &Host{Name: h.Name, Defects: make(map[Witness]string)}
	}
	for _, h := range hosts {
		h.Defects = make(map[Witness]string)
		for i := range h.Packets {
			h.Packets[i].Number = i + 1
		}
		r.Hosts[h.Name] = h
	}
	return r
}

var (
	second = netip.MustParseAddrPort("10.12.9.11:40000")
	third  = netip.MustParseAddrPort("10.12.0.254:40000")
	epoch  = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
)

// A leg is one way that packets pass a host.
func leg(name string, outgoing bool, ttl uint8, p ...Packet) []Packet {
	all := slices.Clone(p)
	for i := range all {
		all[i].Interface, all[i].Outgoing, all[i].TTL = name, outgoing, ttl
	}
	return all
}

func packet(ms int, from, to netip.AddrPort, flags Flags, seq, ack uint32) Packet {
	return Packet{Protocol: TCP, Time: epoch.Add(time.Duration(ms) * time.Millisecond), Source: from, Destination: to, Flags: flags, Seq: seq, Ack: ack}
}

// tries are the packets of a refused try and of one that is accepted, from the
// same endpoint.
func tries(client, server netip.AddrPort) []Packet {
	return []Packet{
		packet(0, client, server, SYN, 100, 0),
		packet(1, server, client, RST|ACK, 0, 101),
		packet(500, client, server, SYN, 900, 0),
		packet(501, client, server, SYN, 900, 0), // repeated
		packet(502, server, client, SYN|ACK, 5000, 901),
		packet(503, client, server, ACK, 901, 5001),
	}
}

func TestOpeningsAreToldApart(t *testing.T) {
	lab := joinLab()
	row := func(ms int, state string, inode uint64) Socket {
		return Socket{Header: Header{Time: epoch.Add(time.Duration(ms) * time.Millisecond)}, Protocol: "tcp", State: state, Local: here, Remote: there, Inode: inode}
	}
	client := &Host{Name: "client", Packets: leg("eth0", true, 64, tries(here, there)...), Sockets: []Socket{
		row(-10, SynSent, 6), row(0, SynSent, 6), row(495, Established, 7), row(600, Established, 7),
	}}
	r := runOf(lab, client, &Host{Name: "server", Packets: leg("eth0", false, 62, tries(here, there)...)})
	join(r)
	require.Len(t, r.Connections, 2)
	assert.Equal(t, []Outcome{Refused, Opened}, []Outcome{r.Connections[0].Outcome, r.Connections[1].Outcome})
	assert.Equal(t, []int{1, 2}, []int{r.Connections[0].Opening, r.Connections[1].Opening})
	assert.Equal(t, uint32(900), *r.Connections[1].ClientISN)
	assert.Equal(t, uint32(5000), *r.Connections[1].ServerISN)
	assert.Len(t, r.Connections[0].Client.Packets, 2)
	assert.Len(t, r.Connections[1].Server.Packets, 4)
	assert.Len(t, r.Connections[0].Client.Sockets, 1, "before any opening a record belongs to none of two")
	assert.Len(t, r.Connections[1].Client.Sockets, 2)
	require.Len(t, r.Orphans, 1)
	assert.Equal(t, Sockets, r.Orphans[0].Witness)
}

// Both routers translate: the client's side and the server's have nothing in
// common but the numbers.
func TestChainedTranslationIsFollowed(t *testing.T) {
	shake := func(client, server netip.AddrPort) []Packet { return tries(client, server)[2:] }
	up := func(all []Packet) (up []Packet) {
		for _, p := range all {
			if p.Destination == there {
				up = append(up, p)
			}
		}
		return up
	}
	change := func(from, to netip.AddrPort) Translation {
		return Translation{Protocol: TCP, Original: FourTuple{from, there}, Translated: FourTuple{to, there}}
	}
	hosts := func() (client, r1, r2, server *Host) {
		client = &Host{Name: "client", Packets: leg("eth0", true, 64, shake(here, there)...)}
		r1 = &Host{Name: "r1", Translations: []Translation{change(here, second)}, Packets: slices.Concat(
			leg("eth0", false, 64, up(shake(here, there))...), leg("eth1", true, 63, up(shake(second, there))...))}
		r2 = &Host{Name: "r2", Translations: []Translation{change(second, third)}, Packets: slices.Concat(
			leg("eth1", false, 63, up(shake(second, there))...), leg("eth0", true, 62, up(shake(third, there))...))}
		server = &Host{Name: "server", Packets: leg("eth0", false, 62, shake(third, there)...)}
		return client, r1, r2, server
	}
	t.Run("believed", func(t *testing.T) {
		client, r1, r2, server := hosts()
		r := runOf(joinLab("r1", "r2"), client, r1, r2, server)
		join(r)
		require.Len(t, r.Connections, 1)
		c := r.Connections[0]
		assert.Equal(t, FourTuple{here, there}, c.FourTuple)
		assert.Equal(t, FourTuple{third, there}, c.AtServer())
		require.Len(t, c.Path, 2)
		assert.Equal(t, []string{"r1", "r2", "eth0", "eth1"}, []string{c.Path[0].Host, c.Path[1].Host, c.Path[0].From, c.Path[0].To})
		assert.Equal(t, FourTuple{second, there}, c.Path[1].In)
		assert.Empty(t, r.Orphans)
	})
	t.Run("not of a host that may not translate", func(t *testing.T) {
		client, r1, r2, server := hosts()
		r := runOf(joinLab("r1"), client, r1, r2, server)
		join(r)
		assert.Len(t, r.Connections, 2)
		require.Len(t, r.Orphans, 1)
		assert.Contains(t, r.Orphans[0].What, "the lab does not let the host translate")
	})
	for name, alter := range map[string]func(r1 *Host){
		"not without an entry":        func(r1 *Host) { r1.Translations = nil },
		"not without the SYN inside":  func(r1 *Host) { r1.Packets = r1.Packets[3:] },
		"not without the SYN outside": func(r1 *Host) { r1.Packets = r1.Packets[:3] },
		"not with another hop limit":  func(r1 *Host) { r1.Packets[3].TTL, r1.Packets[4].TTL = 64, 64 },
	} {
		t.Run(name, func(t *testing.T) {
			client, r1, r2, server := hosts()
			alter(r1)
			r := runOf(joinLab("r1", "r2"), client, r1, r2, server)
			join(r)
			for _, c := range r.Connections {
				assert.False(t, c.Client.Host == "client" && c.Translated(), "%s", c.AtServer())
			}
			assert.Greater(t, len(r.Connections)+len(r.Orphans), 1)
		})
	}
}

func TestRecordsThatJoinNothingAreOrphans(t *testing.T) {
	other := netip.MustParseAddrPort("10.12.1.10:50000")
	data := packet(0, other, there, PSH|ACK, 7, 7)
	data.Length, data.Payload = 2, []byte("hi")
	client := &Host{
		Name: "client", Packets: leg("eth0", true, 64, data, packet(1, there, other, SYN|ACK, 3, 9)),
		Sockets: []Socket{
			{Header: Header{Line: 4}, Protocol: "tcp", State: Established, Local: other, Remote: there, Inode: 9},
			{Header: Header{Line: 5}, Snapshot: 1, Protocol: "udp", State: Established, Local: other, Remote: here, Inode: 10},
		},
		Files:   []File{{Header: Header{Line: 1}, Protocol: "tcp", State: Established, Local: other, Remote: there, Inode: 9}},
		Program: []ProgramEvent{{Header: Header{Line: 2}, Event: EventSent, Local: other, Remote: there}},
	}
	r := runOf(joinLab(), client)
	join(r)
	assert.Empty(t, r.Connections)
	var where []string
	for _, o := range r.Orphans {
		where = append(where, fmt.Sprintf("%s %d", o.Witness, o.Line))
	}
	assert.Equal(t, []string{"files 1", "packets 1", "packets 2", "program 2", "sockets 4"}, where)
}

func TestSimultaneousAndSelfConnect(t *testing.T) {
	a, b := netip.MustParseAddrPort("10.12.0.10:1"), netip.MustParseAddrPort("10.12.1.10:2")
	both := []Packet{
		packet(0, b, a, SYN, 50, 0), packet(1, a, b, SYN, 70, 0),
		packet(2, b, a, SYN|ACK, 50, 71), packet(3, a, b, SYN|ACK, 70, 51), packet(4, b, a, ACK, 51, 71),
	}
	r := runOf(joinLab(), &Host{Name: "client", Packets: leg("eth0", true, 64, both...)}, &Host{Name: "server", Packets: leg("eth0", true, 64, both[1:]...)})
	join(r)
	require.Len(t, r.Connections, 1)
	c := r.Connections[0]
	assert.Equal(t, FourTuple{a, b}, c.FourTuple, "the lower endpoint is the client")
	assert.Equal(t, []uint32{70, 50}, []uint32{*c.ClientISN, *c.ServerISN})
	assert.Equal(t, Opened, c.Outcome)
	assert.Len(t, c.Client.Packets, 4)
	assert.Len(t, c.Server.Packets, 5)

	self := netip.MustParseAddrPort("127.0.0.1:7010")
	looped := []Packet{packet(0, self, self, SYN, 1, 0), packet(1, self, self, SYN|ACK, 1, 2), packet(2, self, self, ACK, 2, 2)}
	row := Socket{Header: Header{Time: epoch.Add(time.Second)}, Protocol: "tcp", State: Established, Local: self, Remote: self, Inode: 3}
	r = runOf(joinLab(), &Host{Name: "client", Packets: leg("lo", false, 64, looped...), Sockets: []Socket{row}})
	join(r)
	require.Len(t, r.Connections, 1)
	assert.Equal(t, "client", r.Connections[0].Client.Host)
	assert.Len(t, r.Connections[0].Server.Sockets, 1)
}

// The time that a join takes grows with the number of records, whatever they
// are.
func TestJoinIsLinear(t *testing.T) {
	flows := func(n int) *Run {
		var client, server []Packet
		for i := range n {
			from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 12, 1, 10}), uint16(1024+i%60000))
			to := netip.AddrPortFrom(there.Addr(), uint16(1+i/60000))
			if i%3 == 0 {
				client = append(client, packet(i, from, to, SYN, uint32(i), 0))
			}
			for k := range 5 {
				p := packet(i, from, to, ACK, uint32(i+1+k), 1)
				client, server = append(client, p), append(server, p)
			}
		}
		again := make([]Packet, 0, n) // one four-tuple, opened again and again
		for i := range n {
			again = append(again, packet(i, here, there, SYN, uint32(i*1000), 0))
		}
		return runOf(joinLab(), &Host{Name: "client", Packets: slices.Concat(client, again)}, &Host{Name: "server", Packets: server})
	}
	took := func(n int) time.Duration {
		r := flows(n)
		begin := time.Now()
		join(r)
		return time.Since(begin)
	}
	took(1000)
	small, large := took(2000), took(20000)
	assert.Less(t, large, 60*small+500*time.Millisecond)
}
