package table

import (
	"net/netip"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// The run of these tests, in which the router translates:
//
//	client 10.12.1.10 ── router 10.12.1.254, 10.12.0.254 ── server 10.12.0.10
//
// A snapshot is taken before the server accepts, another one after it, and
// then everything is closed.
func sample() *evidence.Run {
	link := func(subnet, address string) topology.Link {
		return topology.Link{Subnet: subnet, Address: netip.MustParsePrefix(address + "/24")}
	}
	lab := &topology.Lab{
		Subnets: []topology.Subnet{
			{Name: "cafe", Prefix: netip.MustParsePrefix("10.12.1.0/24"), Prefix6: netip.MustParsePrefix("fd12:1::/64")},
			{Name: "home", Prefix: netip.MustParsePrefix("10.12.0.0/24")},
		},
		Hosts: []topology.Host{
			{Name: "client", Program: []string{"lab", "socket"}, Links: []topology.Link{link("cafe", "10.12.1.10")}},
			{Name: "router", Forwards: true, Masquerade: []string{"home"}, Links: []topology.Link{link("cafe", "10.12.1.254"), link("home", "10.12.0.254")}},
			{Name: "server", Program: []string{"lab", "socket"}, Links: []topology.Link{link("home", "10.12.0.10")}},
		},
		Steps: []topology.Step{
			{Number: 1, Action: topology.Start, On: []string{"server"}},
			{Number: 2, Action: topology.Snapshot, Name: "waiting"},
			{Number: 3, Action: topology.Type, On: []string{"server"}, Line: "accept"},
			{Number: 4, Action: topology.Snapshot, Name: "accepted"},
			{Number: 5, Action: topology.Stop, On: []string{"server"}},
		},
	}
	r := &evidence.Run{Lab: lab, Hosts: make(map[string]*evidence.Host)}
	for _, h := range lab.Hosts {
		r.Hosts[h.Name] = &evidence.Host{
			Name: h.Name, Defects: make(map[evidence.Witness]string), Snapshots: map[string]int{"waiting": 2, "accepted": 3},
			Events: []evidence.HostEvent{
				{Header: header(0, 1), Event: evidence.HostLive, Snapshot: 1, Interfaces: []evidence.Interface{{Name: "eth0", Index: 2}}},
				{Header: header(200, 2), Event: evidence.HostSnapshot, Name: "waiting", Snapshot: 2},
				{Header: header(400, 3), Event: evidence.HostSnapshot, Name: "accepted", Snapshot: 3},
			},
		}
	}
	c := connected()
	r.Connections = []evidence.Connection{c}
	r.Hosts["client"].Packets, r.Hosts["server"].Packets = c.Client.Packets, c.Server.Packets
	r.Hosts["server"].Packets = append(r.Hosts["server"].Packets, evidence.Packet{
		Time: at(390), Number: 9, Protocol: evidence.ICMP, Interface: "eth0", TTL: 63, Source: netip.AddrPortFrom(there.Addr(), 0), Destination: netip.AddrPortFrom(outside.Addr(), 0),
		ICMP: "ECONNREFUSED", Quoted: evidence.FourTuple{Source: outside, Destination: there},
	})
	any4 := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	r.Hosts["server"].Sockets = []evidence.Socket{
		{Header: header(0, 1), Snapshot: 1, Protocol: "udp", State: evidence.Closed, Local: netip.MustParseAddrPort("127.0.0.11:53"), Remote: any4, Inode: 3},
		{Header: header(190, 2), Snapshot: 2, Protocol: "udp", State: evidence.Closed, Local: netip.MustParseAddrPort("127.0.0.11:53"), Remote: any4, Inode: 3},
		{Header: header(190, 3), Snapshot: 2, Protocol: "tcp", State: evidence.Listen, Local: netip.MustParseAddrPort("0.0.0.0:12000"), Remote: any4, RecvQueue: 1, SendQueue: 2, UID: 1000, Inode: 17, Interface: 2},
		c.Server.Sockets[0],
		c.Server.Sockets[1],
		{Header: header(390, 6), Snapshot: 3, Protocol: "tcp6", State: evidence.Listen, Local: netip.MustParseAddrPort("[::]:7000"), Remote: netip.MustParseAddrPort("[::]:0"), UID: 1000, Inode: 19},
	}
	r.Hosts["server"].Files = []evidence.File{
		{Header: header(190, 1), Snapshot: 2, Command: "lab", PID: 40, User: "nobody", FD: 3, Access: "u", Type: "IPv4", Target: "socket:[17]", Inode: 17, Protocol: "tcp", State: evidence.Listen, Local: netip.MustParseAddrPort("0.0.0.0:12000"), Remote: any4},
		{Header: header(190, 2), Snapshot: 2, Command: "lab", PID: 40, User: "nobody", FD: 0, Access: "r", Type: "FIFO", Target: "pipe:[5]"},
		c.Server.Files[0],
	}
	r.Hosts["server"].Program = []evidence.ProgramEvent{
		{Header: header(100, 1), Event: evidence.EventPrompt, PID: 40},
		{Header: header(300, 2), Event: evidence.EventAnswer, PID: 40, Local: there, Remote: outside, Typed: "accept", Bytes: 2, Text: "hi", Answer: evidence.Answer{Call: "accept", Socket: "c", FD: 4, Result: 4}},
		{Header: header(450, 3), Event: evidence.EventLine, Error: "bye"},
	}
	r.Hosts["router"].Translations = []evidence.Translation{{Header: header(390, 1), Snapshot: 3, Protocol: evidence.TCP, Original: c.FourTuple, Translated: c.AtServer()}}
	r.Datagrams = []evidence.Datagram{{
		FourTuple: c.FourTuple, Time: at(150), Occurrence: 1, Payload: []byte("ping"), Length: 4,
		Sender:   evidence.DatagramSide{Host: "client", Local: here, Remote: there, Packet: &evidence.Packet{Time: at(150), Number: 5}},
		Receiver: evidence.DatagramSide{Host: "server", Local: there, Remote: outside, Packet: &evidence.Packet{Time: at(151), Number: 6}},
		Path:     []evidence.Hop{{Host: "router"}},
		Lacks:    map[string]string{"sender.packets": "", "router.packets": "", "receiver.packets": ""},
	}}
	r.Steps = []evidence.StepRow{
		{Step: lab.Steps[0], Host: "server", Time: at(100), Line: 2},
		{Step: lab.Steps[2], Host: "server", Time: at(310), Line: 4, Answer: &r.Hosts["server"].Program[1]},
		{Step: lab.Steps[4], Host: "server", Time: at(500), Line: 6},
	}
	return r
}

var (
	here    = netip.MustParseAddrPort("10.12.1.10:40001")
	outside = netip.MustParseAddrPort("10.12.0.254:50001")
	there   = netip.MustParseAddrPort("10.12.0.10:12000")
	begun   = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
)

func at(ms int) time.Time { return begun.Add(time.Duration(ms) * time.Millisecond) }

func header(ms, line int) evidence.Header { return evidence.Header{Time: at(ms), Line: line} }

// connected is a connection that is opened before the first snapshot, accepted
// and used before the second, and closed after that.
func connected() evidence.Connection {
	segments := func(client netip.AddrPort, ttl uint8) []evidence.Packet {
		all := []evidence.Packet{
			{Time: at(110), Source: client, Destination: there, Flags: evidence.SYN, Seq: 100},
			{Time: at(111), Source: there, Destination: client, Flags: evidence.SYN | evidence.ACK, Seq: 500, Ack: 101},
			{Time: at(112), Source: client, Destination: there, Flags: evidence.ACK, Seq: 101, Ack: 501},
			{Time: at(350), Source: client, Destination: there, Flags: evidence.PSH | evidence.ACK, Seq: 101, Ack: 501, Payload: []byte("hi"), Length: 2},
			{Time: at(351), Source: there, Destination: client, Flags: evidence.ACK, Seq: 501, Ack: 103},
			{Time: at(450), Source: client, Destination: there, Flags: evidence.PSH | evidence.ACK, Seq: 103, Ack: 501, Payload: []byte("bye"), Length: 3},
			{Time: at(451), Source: there, Destination: client, Flags: evidence.ACK, Seq: 501, Ack: 106},
		}
		for i := range all {
			all[i].Protocol, all[i].Number, all[i].Interface, all[i].TTL, all[i].Window = evidence.TCP, i+1, "eth0", ttl, 64240
			all[i].Outgoing = (all[i].Source == here) == (client == here)
		}
		return all
	}
	stream := evidence.Stream{Data: []byte("hibye")}
	lacks := make(map[string]string)
	for _, w := range evidence.ColumnNames {
		lacks[w] = ""
	}
	file := evidence.File{Header: header(390, 3), Snapshot: 3, Command: "lab", PID: 40, User: "nobody", FD: 4, Access: "u", Type: "IPv4", Target: "socket:[18]", Inode: 18, Protocol: "tcp", State: evidence.Established, Local: there, Remote: outside}
	return evidence.Connection{
		FourTuple: evidence.FourTuple{Source: here, Destination: there}, Opening: 1, Outcome: evidence.Opened, Lacks: lacks, Contradicted: make(map[string]bool),
		Client: evidence.Side{
			Host: "client", Local: here, Remote: there, Packets: segments(here, 64), Sent: stream,
			Sockets: []evidence.Socket{{Header: header(190, 1), Snapshot: 2, Protocol: "tcp", State: evidence.Established, Local: here, Remote: there, Inode: 8}},
		},
		Server: evidence.Side{
			Host: "server", Local: there, Remote: outside, Packets: segments(outside, 63), Received: stream,
			Sockets: []evidence.Socket{
				{Header: header(190, 4), Snapshot: 2, Protocol: "tcp", State: evidence.Established, Local: there, Remote: outside},
				{Header: header(390, 5), Snapshot: 3, Protocol: "tcp", State: evidence.Established, Local: there, Remote: outside, UID: 1000, Inode: 18},
			},
			Files: []evidence.File{file},
		},
		Path: []evidence.Hop{{Host: "router", In: evidence.FourTuple{Source: here, Destination: there}, Out: evidence.FourTuple{Source: outside, Destination: there}, Packets: segments(here, 64)}},
	}
}
