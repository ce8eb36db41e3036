package claim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// The sample is the first lab as its witnesses see it:
//
//	server 10.12.0.10 ── router ─┬─ client1 10.12.1.10
//	                             ├─ client2 10.12.2.10
//	                             └─ client3 10.12.3.10
type sample struct {
	lab *topology.Lab
	run *evidence.Run
}

const samplePort = 12000

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func sampleLab() *topology.Lab {
	lab := &topology.Lab{
		Name: "three-clients", Server: "server", Port: samplePort,
		Clients: []string{"client1", "client2", "client3"},
		Claims:  []string{"one-port", "distinct-sources", "message-ports", "one-socket-each", "witnesses-agree"},
		Hosts: []topology.Host{
			{Name: "client1", Links: []topology.Link{{Subnet: "cafe", Address: prefix("10.12.1.10/24")}}},
			{Name: "client2", Links: []topology.Link{{Subnet: "office", Address: prefix("10.12.2.10/24")}}},
			{Name: "client3", Links: []topology.Link{{Subnet: "campus", Address: prefix("10.12.3.10/24")}}},
			{Name: "router", Forwards: true, Links: []topology.Link{
				{Subnet: "cafe", Address: prefix("10.12.1.254/24")},
				{Subnet: "campus", Address: prefix("10.12.3.254/24")},
				{Subnet: "home", Address: prefix("10.12.0.254/24")},
				{Subnet: "office", Address: prefix("10.12.2.254/24")},
			}},
			{Name: "server", Links: []topology.Link{{Subnet: "home", Address: prefix("10.12.0.10/24")}}},
		},
		Subnets: []topology.Subnet{
			{Name: "cafe", Prefix: prefix("10.12.1.0/24")},
			{Name: "campus", Prefix: prefix("10.12.3.0/24")},
			{Name: "home", Prefix: prefix("10.12.0.0/24")},
			{Name: "office", Prefix: prefix("10.12.2.0/24")},
		},
	}
	return lab
}

// newSample is a run in which every claim holds: the server listens on port,
// and what a client has as its source, the server has as at says.
func newSample(port uint16, at func(netip.AddrPort) netip.AddrPort) *sample {
	s := &sample{lab: sampleLab(), run: &evidence.Run{Hosts: make(map[string]*evidence.Host)}}
	for _, h := range s.lab.Hosts {
		s.run.Hosts[h.Name] = &evidence.Host{Name: h.Name}
	}
	local := netip.AddrPortFrom(netip.MustParseAddr("10.12.0.10"), port)
	anywhere := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	server := s.host("server")
	server.Sockets = append(server.Sockets, evidence.Socket{Snapshot: 1, State: evidence.Listen, Local: netip.AddrPortFrom(anywhere.Addr(), port), Remote: anywhere, Inode: 100})
	server.Files = append(server.Files, evidence.File{Snapshot: 1, PID: 7, FD: "3u", State: evidence.Listen, Local: netip.AddrPortFrom(anywhere.Addr(), port), Remote: anywhere, Inode: 100})
	server.Accounts = append(server.Accounts, evidence.Account{Event: evidence.SaidListening, Local: netip.AddrPortFrom(anywhere.Addr(), port)})
	for i := range 3 {
		name := fmt.Sprintf("client%d", i+1)
		source := netip.MustParseAddrPort(fmt.Sprintf("10.12.%d.10:%d", i+1, 40000+i))
		s.connect(name, source, at(source), local, uint64(101+i))
		if translated := at(source); translated != source {
			router := s.host("router")
			router.Translations = append(router.Translations, evidence.Translation{
				Original:   evidence.FourTuple{Source: source, Destination: local},
				Translated: evidence.FourTuple{Source: translated, Destination: local},
			})
		}
	}
	return s
}

func asItIs(a netip.AddrPort) netip.AddrPort { return a }

// masqueraded is what a router on the server's subnet makes of a source.
func masqueraded(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("10.12.0.254"), a.Port())
}

func (s *sample) host(name string) *evidence.Host { return s.run.Hosts[name] }

func (s *sample) connect(name string, source, atServer, destination netip.AddrPort, inode uint64) {
	message, greeting := []byte("hello from "+name), []byte("Welcome to the Server\n")
	reply := append([]byte("Server Says: "), message...)
	replies := string(greeting) + string(reply)
	number := uint32(1000 * inode)
	c, server := s.host(name), s.host("server")
	c.Packets = append(c.Packets, exchange(source, destination, number, message, greeting, reply)...)
	server.Packets = append(server.Packets, exchange(atServer, destination, number, message, greeting, reply)...)
	c.Sockets = append(c.Sockets, evidence.Socket{Snapshot: 1, State: evidence.Established, Local: source, Remote: destination, Inode: inode + 500})
	server.Sockets = append(server.Sockets, evidence.Socket{Snapshot: 1, State: evidence.Established, Local: destination, Remote: atServer, Inode: inode})
	server.Files = append(server.Files, evidence.File{Snapshot: 1, PID: 7, FD: fmt.Sprintf("%du", inode-90), State: evidence.Established, Local: destination, Remote: atServer, Inode: inode})
	c.Accounts = append(c.Accounts,
		evidence.Account{Event: evidence.SaidConnected, Local: source, Remote: destination},
		evidence.Account{Event: evidence.SaidSent, Local: source, Remote: destination, Text: string(message)},
		evidence.Account{Event: evidence.SaidReceived, Local: source, Remote: destination, Text: replies})
	server.Accounts = append(server.Accounts,
		evidence.Account{Event: evidence.SaidAccepted, Local: destination, Remote: atServer},
		evidence.Account{Event: evidence.SaidSent, Local: destination, Remote: atServer, Text: replies},
		evidence.Account{Event: evidence.SaidReceived, Local: destination, Remote: atServer, Text: string(message)})
}

// exchange is a handshake, a greeting, a message and a reply, and the end.
func exchange(source, destination netip.AddrPort, n uint32, message, greeting, reply []byte) []evidence.Packet {
	x, y := n, n+7_000_000
	var packets []evidence.Packet
	send := func(from, to netip.AddrPort, seq, ack uint32, flags evidence.Flags, payload []byte) {
		packets = append(packets, evidence.Packet{
			Time: time.Unix(0, int64(len(packets))).UTC(), Number: len(packets) + 1,
			Source: from, Destination: to, Seq: seq, Ack: ack, Flags: flags, Payload: payload, Length: len(payload),
		})
	}
	send(source, destination, x, 0, evidence.SYN, nil)
	send(destination, source, y, x+1, evidence.SYN|evidence.ACK, nil)
	send(source, destination, x+1, y+1, evidence.ACK, nil)
	send(destination, source, y+1, x+1, evidence.PSH|evidence.ACK, greeting)
	g, m, r := uint32(len(greeting)), uint32(len(message)), uint32(len(reply))
	send(source, destination, x+1, y+1+g, evidence.PSH|evidence.ACK, message)
	send(destination, source, y+1+g, x+1+m, evidence.PSH|evidence.ACK, reply)
	send(source, destination, x+1+m, y+1+g+r, evidence.FIN|evidence.ACK, nil)
	send(destination, source, y+1+g+r, x+2+m, evidence.FIN|evidence.ACK, nil)
	send(source, destination, x+2+m, y+2+g+r, evidence.ACK, nil)
	return packets
}
