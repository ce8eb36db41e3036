package evidencetest

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// conversation is a handshake, a greeting, a message, its reply, and the end.
func conversation(client, server netip.AddrPort, n uint32, message, reply string) []evidence.Packet {
	x, y := 0xffffff00+1000*n, 7_000_000*n // the client's numbers wrap
	var packets []evidence.Packet
	send := func(from, to netip.AddrPort, seq, ack uint32, flags evidence.Flags, payload string) {
		packets = append(packets, evidence.Packet{
			Source: from, Destination: to, Seq: seq, Ack: ack, Flags: flags, Window: 502, TTL: 64,
			Payload: []byte(payload), Length: len(payload),
		})
	}
	g, m, r := uint32(len(greeting)), uint32(len(message)), uint32(len(reply))
	push, end := evidence.PSH|evidence.ACK, evidence.FIN|evidence.ACK
	send(client, server, x, 0, evidence.SYN, "")
	send(server, client, y, x+1, evidence.SYN|evidence.ACK, "")
	send(client, server, x+1, y+1, evidence.ACK, "")
	send(server, client, y+1, x+1, push, greeting)
	send(client, server, x+1, y+1+g, evidence.ACK, "")
	send(client, server, x+1, y+1+g, push, message)
	send(server, client, y+1+g, x+1+m, evidence.ACK, "")
	send(server, client, y+1+g, x+1+m, push, reply)
	send(client, server, x+1+m, y+1+g+r, evidence.ACK, "")
	send(client, server, x+1+m, y+1+g+r, end, "")
	send(server, client, y+1+g+r, x+2+m, end, "")
	send(client, server, x+2+m, y+2+g+r, evidence.ACK, "")
	return packets
}

// forward puts a packet into the captures of the client, of the router, where it
// passes twice, and of the server. What the server sends is in p as the client
// has it.
func (s *Sample) forward(client string, n int, p evidence.Packet, atServer netip.AddrPort) {
	up := p.Destination == ServerEnd
	beyond := p
	if up {
		beyond.Source = atServer
	} else {
		beyond.Destination = atServer
	}
	at := func(host, name string, outgoing bool, hops uint8, after time.Duration, p evidence.Packet) {
		p.Interface, p.Outgoing, p.TTL = name, outgoing, p.TTL-hops
		p.Time = p.Time.Add(after)
		s.Hosts[host].Packets = append(s.Hosts[host].Packets, p)
	}
	const step = 2 * time.Microsecond
	routerSide := fmt.Sprintf("eth%d", n)
	if up {
		at(client, "eth0", true, 0, 0, p)
		at("router", routerSide, false, 0, step, p)
		at("router", "eth0", true, 1, 2*step, beyond)
		at("server", "eth0", false, 1, 3*step, beyond)
		return
	}
	at("server", "eth0", true, 0, 0, beyond)
	at("router", "eth0", false, 0, step, beyond)
	at("router", routerSide, true, 1, 2*step, p)
	at(client, "eth0", false, 1, 3*step, p)
}

// mac is the address of the interface that has an IP address.
func mac(a netip.Addr) net.HardwareAddr {
	b := a.As4()
	return net.HardwareAddr{2, 0, 0, b[1], b[2], b[3]}
}

// Capture writes packets as a host's capture does, in a pcapng file whose
// interface blocks are those of interfaces.
func Capture(t testing.TB, interfaces []evidence.Interface, packets []evidence.Packet) []byte {
	t.Helper()
	var file bytes.Buffer
	ids := make(map[string]int)
	describe := func(i evidence.Interface) pcapgo.NgInterface {
		return pcapgo.NgInterface{Name: i.Name, LinkType: layers.LinkTypeEthernet, SnapLength: 262144}
	}
	require.NotEmpty(t, interfaces)
	w, err := pcapgo.NewNgWriterInterface(&file, describe(interfaces[0]), pcapgo.NgWriterOptions{})
	require.NoError(t, err)
	ids[interfaces[0].Name] = 0
	for _, i := range interfaces[1:] {
		ids[i.Name], err = w.AddInterface(describe(i))
		require.NoError(t, err)
	}
	counts := make([]uint64, len(interfaces))
	for _, p := range packets {
		frame := Frame(t, p)
		direction := pcapgo.NgEpbFlagDirectionInbound
		if p.Outgoing {
			direction = pcapgo.NgEpbFlagDirectionOutbound
		}
		id, ok := ids[p.Interface]
		require.True(t, ok, "no interface %q", p.Interface)
		counts[id]++
		require.NoError(t, w.WritePacketWithOptions(
			gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(frame), Length: len(frame), InterfaceIndex: id},
			frame, pcapgo.NgPacketOptions{Flags: &pcapgo.NgEpbFlags{Direction: direction}}))
	}
	for id, n := range counts {
		require.NoError(t, w.WriteInterfaceStats(id, pcapgo.NgInterfaceStatistics{LastUpdate: Start.Add(closed), PacketsReceived: n}))
	}
	require.NoError(t, w.Flush())
	return file.Bytes()
}

// Frame is the packet as an Ethernet frame.
func Frame(t testing.TB, p evidence.Packet) []byte {
	t.Helper()
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(p.Source.Port()), DstPort: layers.TCPPort(p.Destination.Port()), Seq: p.Seq, Ack: p.Ack, Window: p.Window,
		FIN: p.Flags.Has(evidence.FIN), SYN: p.Flags.Has(evidence.SYN), RST: p.Flags.Has(evidence.RST), PSH: p.Flags.Has(evidence.PSH),
		ACK: p.Flags.Has(evidence.ACK), URG: p.Flags.Has(evidence.URG), ECE: p.Flags.Has(evidence.ECE), CWR: p.Flags.Has(evidence.CWR),
	}
	ethernet := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer
	if p.Source.Addr().Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: p.TTL, Protocol: layers.IPProtocolTCP, SrcIP: p.Source.Addr().AsSlice(), DstIP: p.Destination.Addr().AsSlice()}
		require.NoError(t, tcp.SetNetworkLayerForChecksum(v4))
		ip = v4
	} else {
		ethernet.EthernetType = layers.EthernetTypeIPv6
		v6 := &layers.IPv6{Version: 6, HopLimit: p.TTL, NextHeader: layers.IPProtocolTCP, SrcIP: p.Source.Addr().AsSlice(), DstIP: p.Destination.Addr().AsSlice()}
		require.NoError(t, tcp.SetNetworkLayerForChecksum(v6))
		ip = v6
	}
	buffer := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ethernet, ip, tcp, gopacket.Payload(p.Payload)))
	return bytes.Clone(buffer.Bytes())
}
