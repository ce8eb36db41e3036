package report

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// The sample is no run: it is made of values that the renderers are tried on.
//
//	home   10.12.0.0/24   server .10 ──┐
//	cafe   10.12.1.0/24   client1 .10 ─┤
//	office 10.12.2.0/24   client2 .10 ─┼─ router, .254 on each
//	campus 10.12.3.0/24   client3 .10 ─┘

const question = "Three clients connect to a TCP server on port 12000. Do the server's accepted sockets get new ports?"

var sampleStart = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// A visit is one client's connection in the sample.
type visit struct {
	client     string
	subnet     string
	source     netip.AddrPort // as the client has it
	translated netip.AddrPort // as the server has it
	message    string
	inode      uint64
}

var serverEnd = netip.MustParseAddrPort("10.12.0.10:12000")

func visits() []visit {
	of := func(n int, subnet, message string, port int) visit {
		source := netip.MustParseAddrPort(fmt.Sprintf("10.12.%d.10:%d", n, port))
		return visit{
			client: fmt.Sprintf("client%d", n), subnet: subnet, source: source, translated: source,
			message: message, inode: uint64(40000 + n),
		}
	}
	return []visit{
		of(1, "cafe", "Hello from the cafe", 40992),
		of(2, "office", "Hello from the office", 51514),
		of(3, "campus", "Hello from campus", 33870),
	}
}

// masqueraded are the visits as a router shows them that translates all
// sources to its own address.
func masqueraded() []visit {
	all := visits()
	for i := range all {
		all[i].translated = netip.AddrPortFrom(netip.MustParseAddr("10.12.0.254"), all[i].source.Port())
	}
	return all
}

func sampleLab() *topology.Lab {
	lab := &topology.Lab{
		Name: "three-clients", Question: question, Server: "server", Port: 12000,
		Clients: []string{"client1", "client2", "client3"},
		Claims:  []string{"one-port", "distinct-sources", "message-ports", "one-socket-each", "witnesses-agree"},
	}
	router := topology.Host{Name: "router", Hostname: "router", Forwards: true}
	for i, name := range []string{"home", "cafe", "office", "campus"} {
		prefix := netip.MustParsePrefix(fmt.Sprintf("10.12.%d.0/24", i))
		host := topology.Host{Name: fmt.Sprintf("client%d", i), Program: []string{"client", serverEnd.String()}}
		if i == 0 {
			host = topology.Host{Name: "server", Program: []string{"server"}}
		}
		host.Links = []topology.Link{link(name, fmt.Sprintf("10.12.%d.10/24", i))}
		lab.Subnets = append(lab.Subnets, topology.Subnet{Name: name, Prefix: prefix})
		lab.Hosts = append(lab.Hosts, host)
		router.Links = append(router.Links, link(name, fmt.Sprintf("10.12.%d.254/24", i)))
	}
	lab.Hosts = append(lab.Hosts, router)
	return lab
}

func link(subnet, address string) topology.Link {
	return topology.Link{Subnet: subnet, Address: netip.MustParsePrefix(address)}
}

// sampleRun is what the witnesses of the sample wrote down.
func sampleRun(all []visit) *evidence.Run {
	run := &evidence.Run{Lab: []byte("x-lab: {name: three-clients}\n"), Hosts: map[string]*evidence.Host{}}
	server := &evidence.Host{
		Name:     "server",
		Sockets:  []evidence.Socket{listeningSocket(1), listeningSocket(2)},
		Files:    []evidence.File{listeningFile()},
		Accounts: []evidence.Account{{Header: header("server", evidence.Program), Event: evidence.SaidListening, Local: netip.MustParseAddrPort("0.0.0.0:12000")}},
	}
	for i, v := range all {
		client := &evidence.Host{Name: v.client, Packets: conversation(v.source, serverEnd, v.message, i)}
		client.Sockets = []evidence.Socket{socket(v.client, 1, v.source, serverEnd, v.inode+1000, evidence.Established)}
		client.Accounts = accounts(v.client, evidence.SaidConnected, v.source, serverEnd, v.message)
		run.Hosts[v.client] = client
		server.Packets = append(server.Packets, conversation(v.translated, serverEnd, v.message, i)...)
		server.Sockets = append(server.Sockets, socket("server", 2, serverEnd, v.translated, v.inode, evidence.Established))
		server.Files = append(server.Files, acceptedFile(i+4, v))
		server.Accounts = append(server.Accounts, accounts("server", evidence.SaidAccepted, serverEnd, v.translated, v.message)...)
	}
	for i := range server.Packets {
		server.Packets[i].Number = i + 1
	}
	router := &evidence.Host{Name: "router"}
	for _, v := range all {
		if v.source != v.translated {
			router.Translations = append(router.Translations, evidence.Translation{
				Header:   header("router", evidence.Conntracked),
				Original: tuple(v.source), Translated: tuple(v.translated),
			})
		}
	}
	run.Hosts["server"], run.Hosts["router"] = server, router
	for name, h := range run.Hosts {
		h.Events = []evidence.HostEvent{{Header: header(name, evidence.Agent), Event: evidence.HostLive}}
	}
	return run
}

func tuple(source netip.AddrPort) evidence.FourTuple {
	return evidence.FourTuple{Source: source, Destination: serverEnd}
}

func header(host string, w evidence.Witness) evidence.Header {
	return evidence.Header{Time: sampleStart, Host: host, Witness: w}
}

func socket(host string, snapshot int, local, remote netip.AddrPort, inode uint64, state string) evidence.Socket {
	return evidence.Socket{
		Header: header(host, evidence.Sockets), Snapshot: snapshot, Protocol: "tcp", State: state,
		Local: local, Remote: remote, Inode: inode, UID: 65534,
	}
}

func listeningSocket(snapshot int) evidence.Socket {
	s := socket("server", snapshot, netip.MustParseAddrPort("0.0.0.0:12000"), netip.MustParseAddrPort("0.0.0.0:0"), 40000, evidence.Listen)
	s.SendQueue = 4096
	return s
}

func openFile(fd int, inode uint64) evidence.File {
	return evidence.File{
		Header: header("server", evidence.Files), Snapshot: 2, Command: "fourtuple-server", PID: 12, User: "nobody",
		FD: fmt.Sprintf("%du", fd), Type: "IPv4", Device: fmt.Sprint(inode), SizeOff: "0t0", Node: "TCP", Inode: inode,
	}
}

func listeningFile() evidence.File {
	f := openFile(3, 40000)
	f.Name, f.State = "*:12000 (LISTEN)", evidence.Listen
	f.Local, f.Remote = netip.MustParseAddrPort("0.0.0.0:12000"), netip.MustParseAddrPort("0.0.0.0:0")
	return f
}

func acceptedFile(fd int, v visit) evidence.File {
	f := openFile(fd, v.inode)
	f.Name = fmt.Sprintf("%s->%s (ESTABLISHED)", serverEnd, v.translated)
	f.Local, f.Remote, f.State = serverEnd, v.translated, evidence.Established
	return f
}

func accounts(host, event string, local, remote netip.AddrPort, message string) []evidence.Account {
	first, second := evidence.SaidSent, evidence.SaidReceived
	if event == evidence.SaidAccepted {
		first, second = second, first
	}
	h := header(host, evidence.Program)
	return []evidence.Account{
		{Header: h, Event: event, Local: local, Remote: remote},
		{Header: h, Event: first, Local: local, Remote: remote, Bytes: len(message), Text: message},
		{Header: h, Event: second, Local: local, Remote: remote, Bytes: len(message), Text: message},
	}
}

// conversation is a handshake, a message, its echo, and their acknowledgements.
// The numbers begin just below 2^32 to wrap.
func conversation(client, server netip.AddrPort, message string, n int) []evidence.Packet {
	c, s, length := uint32(0xfffffff0+n), uint32(1000*n), uint32(len(message))
	var packets []evidence.Packet
	add := func(fromClient bool, flags evidence.Flags, seq, ack uint32, payload string) {
		p := evidence.Packet{
			Time:   sampleStart.Add(time.Duration(n)*10*time.Millisecond + time.Duration(len(packets))*123456*time.Nanosecond),
			Number: len(packets) + 1, Interface: "eth0", Source: client, Destination: server,
			Flags: flags, Seq: seq, Ack: ack, Window: 502, Payload: []byte(payload), Length: len(payload), FrameLength: 66 + len(payload),
			Options: segmentOptions(uint32(len(packets))),
		}
		if flags.Has(evidence.SYN) {
			p.Window, p.FrameLength, p.Options = 64240, 74, synOptions(uint32(len(packets)))
		}
		if !fromClient {
			p.Source, p.Destination = server, client
		}
		packets = append(packets, p)
	}
	add(true, evidence.SYN, c, 0, "")
	add(false, evidence.SYN|evidence.ACK, s, c+1, "")
	add(true, evidence.ACK, c+1, s+1, "")
	add(true, evidence.PSH|evidence.ACK, c+1, s+1, message)
	add(false, evidence.ACK, s+1, c+1+length, "")
	add(false, evidence.PSH|evidence.ACK, s+1, c+1+length, message)
	add(true, evidence.ACK, c+1+length, s+1+length, "")
	return packets
}

// synOptions are what Linux sends in a SYN, with a time stamp.
func synOptions(at uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte{2, 4, 5, 180, 4, 2, 8, 10}, 1795408627+at)
	return append(binary.BigEndian.AppendUint32(b, at), 1, 3, 3, 7)
}

// segmentOptions are what Linux sends in any other segment.
func segmentOptions(at uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte{1, 1, 8, 10}, 1795408627+at)
	return binary.BigEndian.AppendUint32(b, at)
}

// masqueradedLab is the sample's lab with a router that translates.
func masqueradedLab() *topology.Lab {
	lab := sampleLab()
	router := &lab.Hosts[len(lab.Hosts)-1]
	router.Masquerade = []string{"home"}
	return lab
}
