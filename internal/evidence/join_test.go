package evidence

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var owners = map[netip.Addr]string{
	netip.MustParseAddr("10.12.0.10"): "server",
	netip.MustParseAddr("10.12.1.10"): "client1",
}

func runOf(hosts ...*Host) *Run {
	run := &Run{Hosts: make(map[string]*Host)}
	for _, h := range hosts {
		run.Hosts[h.Name] = h
	}
	return run
}

func syn(from, to netip.AddrPort) Packet {
	return Packet{Source: from, Destination: to, Flags: SYN, Seq: 1}
}

func TestJoinOrientsBySYN(t *testing.T) {
	connections := Join(runOf(
		&Host{Name: "client1", Packets: []Packet{syn(here, there)}},
		&Host{Name: "server", Packets: []Packet{syn(here, there)}},
	), owners)
	require.Len(t, connections, 1)
	assert.Equal(t, FourTuple{here, there}, connections[0].FourTuple)
	assert.Equal(t, "client1", connections[0].Client.Host)
	assert.Equal(t, "server", connections[0].Server.Host)
	assert.Len(t, connections[0].Client.Packets, 1)
	assert.Len(t, connections[0].Server.Packets, 1)
	assert.Nil(t, connections[0].Translated)
}

// Without the SYN, who listens is the server: one witness is enough to tell.
func TestJoinOrientsByListener(t *testing.T) {
	connections := Join(runOf(
		&Host{Name: "client1", Sockets: []Socket{{State: Established, Local: here, Remote: there}}},
		&Host{Name: "server", Sockets: []Socket{
			{State: Listen, Local: netip.MustParseAddrPort("0.0.0.0:12000")},
			{State: Established, Local: there, Remote: here},
		}},
	), owners)
	require.Len(t, connections, 1)
	assert.Equal(t, FourTuple{here, there}, connections[0].FourTuple)
	assert.Len(t, connections[0].Client.Sockets, 1)
	assert.Len(t, connections[0].Server.Sockets, 1)
}

func TestJoinOrientsByAccount(t *testing.T) {
	connections := Join(runOf(
		&Host{Name: "client1", Accounts: []Account{{Event: SaidConnected, Local: here, Remote: there}}},
		&Host{Name: "server", Accounts: []Account{{Event: SaidAccepted, Local: there, Remote: here}}},
	), owners)
	require.Len(t, connections, 1)
	assert.Equal(t, FourTuple{here, there}, connections[0].FourTuple)
	assert.Len(t, connections[0].Server.Accounts, 1)
}

func TestJoinKeepsWhatOneSideSaw(t *testing.T) {
	connections := Join(runOf(&Host{Name: "server", Packets: []Packet{syn(here, there)}}), owners)
	require.Len(t, connections, 1)
	assert.Equal(t, FourTuple{here, there}, connections[0].FourTuple)
	assert.Equal(t, "client1", connections[0].Client.Host)
	assert.Empty(t, connections[0].Client.Packets)
}

func TestJoinLeavesOutWhatPassesThrough(t *testing.T) {
	assert.Empty(t, Join(runOf(&Host{Name: "router", Packets: []Packet{syn(here, there)}}), owners))
}

func TestJoinOnLoopback(t *testing.T) {
	a, b := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:12000")
	connections := Join(runOf(&Host{Name: "server", Packets: []Packet{syn(a, b)}}), owners)
	require.Len(t, connections, 1)
	assert.Equal(t, FourTuple{a, b}, connections[0].FourTuple)
	assert.Equal(t, "server", connections[0].Client.Host)
	assert.Equal(t, "server", connections[0].Server.Host)
}

func TestJoinOverTranslation(t *testing.T) {
	outside := netip.MustParseAddrPort("10.12.0.254:1024")
	connections := Join(runOf(
		&Host{Name: "client1", Packets: []Packet{syn(here, there)}},
		&Host{Name: "router", Translations: []Translation{{Original: FourTuple{here, there}, Translated: FourTuple{outside, there}}}},
		&Host{Name: "server", Packets: []Packet{syn(outside, there)}},
	), owners)
	require.Len(t, connections, 1)
	assert.Equal(t, FourTuple{here, there}, connections[0].FourTuple)
	require.NotNil(t, connections[0].Translated)
	assert.Equal(t, FourTuple{outside, there}, *connections[0].Translated)
	assert.Equal(t, FourTuple{outside, there}, connections[0].AtServer())
}

// A router that translates sends from its own address what is not its own: its
// capture says so, and so does its table. Whoever begins a connection of their
// own from there keeps it.
func TestJoinKnowsWhatARouterTranslates(t *testing.T) {
	outside := netip.MustParseAddrPort("10.12.0.254:1024")
	owners := map[netip.Addr]string{outside.Addr(): "a-router", here.Addr(): "client1", there.Addr(): "server"}
	translated := syn(outside, there)
	own := syn(netip.MustParseAddrPort("10.12.0.254:2000"), there)
	own.Seq = 77
	table := []Translation{{Original: FourTuple{here, there}, Translated: FourTuple{outside, there}}}
	for name, router := range map[string]*Host{
		"by its capture": {Name: "a-router", Packets: []Packet{syn(here, there), translated, own}},
		"by its table":   {Name: "a-router", Packets: []Packet{translated, own}, Translations: table},
	} {
		t.Run(name, func(t *testing.T) {
			connections := Join(runOf(router, &Host{Name: "client1", Packets: []Packet{syn(here, there)}}), owners)
			var sources []netip.AddrPort
			for _, c := range connections {
				sources = append(sources, c.Source)
			}
			assert.Equal(t, []netip.AddrPort{own.Source, here}, sources)
		})
	}
}

// Without the router's table, two flows with other sources are two connections,
// unless both initial sequence numbers are the same.
func TestJoinOverSequenceNumbers(t *testing.T) {
	outside := netip.MustParseAddrPort("10.12.0.254:1024")
	answer := func(to netip.AddrPort, seq uint32) Packet {
		return Packet{Source: there, Destination: to, Flags: SYN | ACK, Seq: seq, Ack: 2}
	}
	client1 := &Host{Name: "client1", Packets: []Packet{syn(here, there), answer(here, 99)}}
	same := &Host{Name: "server", Packets: []Packet{syn(outside, there), answer(outside, 99)}}
	other := &Host{Name: "server", Packets: []Packet{syn(outside, there), answer(outside, 98)}}

	joined := Join(runOf(client1, same), owners)
	require.Len(t, joined, 1)
	require.NotNil(t, joined[0].Translated)
	assert.Equal(t, outside, joined[0].Translated.Source)

	assert.Len(t, Join(runOf(client1, other), owners), 2)
}
