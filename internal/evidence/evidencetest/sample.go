package evidencetest

import (
	"bytes"
	"encoding/json"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Sample is a run as values. Of Hosts, Packets, Sockets, Files, Program,
// Translations and Events are what is written; Interfaces are the names of what
// the hosts' captures are of.
type Sample struct {
	Lab        *topology.Lab
	Hosts      map[string]*evidence.Host
	Interfaces map[string][]string
}

// Read reads a kept run.
func Read(t testing.TB, name string) *Sample {
	t.Helper()
	run, err := evidence.Load(Copy(t, name))
	require.NoError(t, err)
	s := &Sample{Lab: run.Lab, Hosts: run.Hosts, Interfaces: make(map[string][]string)}
	for name, h := range s.Hosts {
		for i := range h.Events {
			e := &h.Events[i]
			e.Run, e.Lab, e.Seals = "", "", nil // Write fills them in
			for _, on := range e.Interfaces {
				s.Interfaces[name] = append(s.Interfaces[name], on.Name)
			}
		}
	}
	return s
}

// Write makes a run folder of the sample. Ids, hashes and seals that a test has
// set are written as they are.
func (s *Sample) Write(t testing.TB, dir string) {
	t.Helper()
	folder, err := evidence.Create(dir, s.Lab, []byte("x-lab: {}\n"), evidence.Versions{Fourtuple: "test", Engine: "test"})
	require.NoError(t, err)
	for name, h := range s.Hosts {
		write := func(w evidence.Witness, data []byte) { require.NoError(t, folder.Append(name, w, data)) }
		write(evidence.Packets, Capture(t, s.Interfaces[name], h.Packets))
		write(evidence.Sockets, lines(t, h.Sockets))
		write(evidence.Files, lines(t, h.Files))
		write(evidence.Program, lines(t, h.Program))
		if lab, ok := s.Lab.Host(name); ok && lab.Translates() {
			write(evidence.Conntrack, lines(t, h.Translations))
		}
		events := slices.Clone(h.Events)
		for i := range events {
			e := &events[i]
			if e.Event == evidence.HostRegistered && e.Run == "" && e.Lab == "" {
				e.Run, e.Lab = folder.ID, folder.LabHash
			}
			if e.Event == evidence.HostClosed && e.Seals == nil {
				e.Seals = seals(t, dir, name)
			}
		}
		write(evidence.Agent, lines(t, events))
	}
	require.NoError(t, folder.Close())
}

func lines[R any](t testing.TB, records []R) []byte {
	t.Helper()
	var all bytes.Buffer
	encoder := json.NewEncoder(&all)
	encoder.SetEscapeHTML(false)
	for _, r := range records {
		require.NoError(t, encoder.Encode(r))
	}
	return all.Bytes()
}

// Capture writes packets of IPv4 as a host's capture does, in a pcapng file with
// the named interfaces.
func Capture(t testing.TB, interfaces []string, packets []evidence.Packet) []byte {
	t.Helper()
	var file bytes.Buffer
	var w *pcapgo.NgWriter
	for i, name := range interfaces {
		var err error
		described := pcapgo.NgInterface{Name: name, LinkType: layers.LinkTypeEthernet, SnapLength: 262144}
		if i == 0 {
			w, err = pcapgo.NewNgWriterInterface(&file, described, pcapgo.NgWriterOptions{})
		} else {
			_, err = w.AddInterface(described)
		}
		require.NoError(t, err)
	}
	counts := make([]uint64, len(interfaces))
	for _, p := range packets {
		data := frame(t, p)
		direction := pcapgo.NgEpbFlagDirectionInbound
		if p.Outgoing {
			direction = pcapgo.NgEpbFlagDirectionOutbound
		}
		id := slices.Index(interfaces, p.Interface)
		counts[id]++
		require.NoError(t, w.WritePacketWithOptions(
			gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(data), Length: len(data), InterfaceIndex: id},
			data, pcapgo.NgPacketOptions{Flags: &pcapgo.NgEpbFlags{Direction: direction}}))
	}
	for id, n := range counts {
		require.NoError(t, w.WriteInterfaceStats(id, pcapgo.NgInterfaceStatistics{LastUpdate: time.Unix(0, 0), PacketsReceived: n}))
	}
	require.NoError(t, w.Flush())
	return file.Bytes()
}

// frame is the packet as an Ethernet frame. Of an ICMP error there is what
// Payload has, as "port unreachable".
func frame(t testing.TB, p evidence.Packet) []byte {
	t.Helper()
	ethernet := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: p.TTL, SrcIP: p.Source.Addr().AsSlice(), DstIP: p.Destination.Addr().AsSlice()}
	var transport gopacket.SerializableLayer
	switch p.Protocol {
	case evidence.UDP:
		ip.Protocol = layers.IPProtocolUDP
		transport = &layers.UDP{SrcPort: layers.UDPPort(p.Source.Port()), DstPort: layers.UDPPort(p.Destination.Port())}
	case evidence.ICMP:
		ip.Protocol = layers.IPProtocolICMPv4
		code := layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0)
		if p.ICMP != "" {
			code = layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodePort)
		}
		transport = &layers.ICMPv4{TypeCode: code}
	default:
		ip.Protocol = layers.IPProtocolTCP
		transport = &layers.TCP{SrcPort: layers.TCPPort(p.Source.Port()), DstPort: layers.TCPPort(p.Destination.Port()), Seq: p.Seq, Ack: p.Ack, Window: p.Window}
	}
	buffer := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, ethernet, ip, transport, gopacket.Payload(p.Payload)))
	data := bytes.Clone(buffer.Bytes())
	if p.Protocol == evidence.TCP {
		data[14+20+13] = byte(p.Flags) // RFC 9293, section 3.1
	}
	return data
}
