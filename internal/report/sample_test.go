package report

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what render writes with testdata/NAME.
func golden(t *testing.T, name string, render func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	require.NoError(t, render(&got))
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "go test ./internal/report -update writes it anew")
}

// The sample is no run: it is made of values that the renderers are tried on.
//
//	home   10.12.0.0/24   server .10 ──┐
//	cafe   10.12.1.0/24   client1 .10 ─┤
//	office 10.12.2.0/24   client2 .10 ─┼─ router, .254 on each
//	campus 10.12.3.0/24   client3 .10 ─┘

const question = "Three clients connect to a TCP server on port 12000. Do the server's accepted sockets get new ports?"

var (
	sampleStart = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	serverEnd   = end("10.12.0.10:12000")
)

func end(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func sampleLab() *topology.Lab {
	lab := &topology.Lab{
		Name: "three-clients", Question: topology.Text{EN: question},
		Clients: []string{"client1", "client2", "client3"},
	}
	router := topology.Host{Name: "router", Forwards: true}
	for i, name := range []string{"home", "cafe", "office", "campus"} {
		host := topology.Host{Name: fmt.Sprintf("client%d", i), Links: []topology.Link{link(name, fmt.Sprintf("10.12.%d.10/24", i))}}
		if i == 0 {
			host.Name = "server"
		}
		lab.Subnets = append(lab.Subnets, topology.Subnet{Name: name, Prefix: netip.MustParsePrefix(fmt.Sprintf("10.12.%d.0/24", i))})
		lab.Hosts = append(lab.Hosts, host)
		router.Links = append(router.Links, link(name, fmt.Sprintf("10.12.%d.254/24", i)))
	}
	lab.Hosts = append(lab.Hosts, router)
	return lab
}

func link(subnet, address string) topology.Link {
	return topology.Link{Subnet: subnet, Address: netip.MustParsePrefix(address)}
}

// sampleRun is the joined evidence of the sample; with NAT, the router
// translates all sources to its own address.
func sampleRun(nat bool) *evidence.Run {
	run := &evidence.Run{ID: "0123456789abcdef", LabHash: "e3b0c44298fc1c14", Lab: sampleLab(), Hosts: map[string]*evidence.Host{}}
	for _, h := range run.Lab.Hosts {
		run.Hosts[h.Name] = &evidence.Host{Name: h.Name, Snapshots: map[string]int{"settled": 2}, Events: []evidence.HostEvent{
			{Header: evidence.Header{Time: sampleStart, Host: h.Name}, Event: evidence.HostLive, Snapshot: 1, Idle: true},
		}}
	}
	server := run.Hosts["server"]
	server.Sockets = []evidence.Socket{listening(1), listening(2)}
	server.Files = []evidence.File{openFile(2, 3, evidence.Listen, end("0.0.0.0:12000"), end("0.0.0.0:0"), 40000)}
	for i, message := range []string{"Hello from the cafe", "카페에서 인사해요", "Hello from campus\n"} {
		source := end(fmt.Sprintf("10.12.%d.10:%d", i+1, 40992+i*5261))
		addConnection(run, fmt.Sprintf("client%d", i+1), source, message, nat)
	}
	if nat {
		run.Lab.Hosts[4].Masquerade = []string{"home"}
	}
	return run
}

// addConnection adds a connection of the client to the server, with the records
// of both.
func addConnection(run *evidence.Run, client string, source netip.AddrPort, message string, nat bool) {
	i := len(run.Connections)
	seen := source
	if nat {
		seen = netip.AddrPortFrom(netip.MustParseAddr("10.12.0.254"), source.Port())
	}
	inode := uint64(40001 + i)
	c := evidence.Connection{
		FourTuple: evidence.FourTuple{Source: source, Destination: serverEnd}, Opening: 1, Outcome: evidence.Opened,
		Client: evidence.Side{Host: client, Local: source, Remote: serverEnd, Packets: exchange(source, message, i)},
		Server: evidence.Side{
			Host: "server", Local: serverEnd, Remote: seen, Packets: exchange(seen, message, i),
			Sockets: []evidence.Socket{{Snapshot: 2, Protocol: "tcp", State: evidence.Established, Local: serverEnd, Remote: seen, Inode: inode}},
			Files:   []evidence.File{openFile(2, 4+i, evidence.Established, serverEnd, seen, inode)},
		},
		Path:  []evidence.Hop{{Host: "router"}},
		Lacks: map[string]string{},
	}
	for _, name := range evidence.ColumnNames {
		c.Lacks[name] = ""
	}
	for j := range c.Server.Packets {
		c.Server.Packets[j].Outgoing = !c.Server.Packets[j].Outgoing
		c.Server.Packets[j].Number += i * len(c.Server.Packets)
	}
	run.Connections = append(run.Connections, c)
	host, server := run.Hosts[client], run.Hosts["server"]
	host.Packets = append(host.Packets, c.Client.Packets...)
	server.Packets = append(server.Packets, c.Server.Packets...)
	server.Sockets = append(server.Sockets, c.Server.Sockets...)
	server.Files = append(server.Files, c.Server.Files...)
}

func listening(snapshot int) evidence.Socket {
	return evidence.Socket{
		Snapshot: snapshot, Protocol: "tcp", State: evidence.Listen, SendQueue: 4096,
		Local: end("0.0.0.0:12000"), Remote: end("0.0.0.0:0"), Inode: 40000,
	}
}

func openFile(snapshot, fd int, state string, local, remote netip.AddrPort, inode uint64) evidence.File {
	return evidence.File{
		Snapshot: snapshot, Command: "fourtuple-server", PID: 12, User: "nobody", FD: fd, Access: "u", Type: "IPv4",
		Target: fmt.Sprintf("socket:[%d]", inode), Inode: inode, Protocol: "tcp", Local: local, Remote: remote, State: state,
	}
}

// exchange is a handshake, a message, its echo, and their acknowledgements.
// The client's numbers begin just below 2^32 to wrap.
func exchange(client netip.AddrPort, message string, n int) []evidence.Packet {
	c, s, length := uint32(0xfffffff0+n), uint32(1000*n), uint32(len(message))
	var packets []evidence.Packet
	for i, segment := range []struct {
		fromClient bool
		flags      evidence.Flags
		seq, ack   uint32
		payload    string
	}{
		{true, evidence.SYN, c, 0, ""},
		{false, evidence.SYN | evidence.ACK, s, c + 1, ""},
		{true, evidence.ACK, c + 1, s + 1, ""},
		{true, evidence.PSH | evidence.ACK, c + 1, s + 1, message},
		{false, evidence.PSH | evidence.ACK, s + 1, c + 1 + length, message},
		{true, evidence.ACK, c + 1 + length, s + 1 + length, ""},
	} {
		p := evidence.Packet{
			Time:   sampleStart.Add(time.Duration(n)*10*time.Millisecond + time.Duration(i)*123456*time.Nanosecond),
			Number: i + 1, Interface: "eth0", Outgoing: segment.fromClient, Source: client, Destination: serverEnd,
			Flags: segment.flags, Seq: segment.seq, Ack: segment.ack,
			Payload: []byte(segment.payload), Length: len(segment.payload), FrameLength: 66 + len(segment.payload),
		}
		if !segment.fromClient {
			p.Source, p.Destination = p.Destination, p.Source
		}
		packets = append(packets, p)
	}
	return packets
}

// sampleVerdict is a verdict on the sample; outcomes are those of the test, of
// the lab and of its claims. Expected is that they hold.
func sampleVerdict(run *evidence.Run, lab claim.Outcome, outcomes ...claim.Outcome) claim.Verdict {
	v := claim.Verdict{Lab: run.Lab.Name, Run: run.ID, Outcome: lab, AsExpected: lab == claim.AsExpected, Claims: []claim.Finding{
		{Claim: "one-port", Key: "one-port", Text: topology.Text{EN: "every accepted socket's local port is 12000, and so is the listening socket's"}, Reason: "the listening socket and 3 accepted sockets, all on port 12000"},
		{Claim: "distinct-sources", Key: "distinct-sources", Text: topology.Text{EN: "the server sees each client under a source address, and on a subnet, of its own", KO: "서버에는 클라이언트마다 다른 주소가 보인다"}, Reason: "the server saw 1 source address, 10.12.0.254, for 3 connections: 10.12.1.10:40992 (cafe), 10.12.2.10:46253 (office), 10.12.3.10:51514 (campus)"},
		{Claim: "message-ports", Key: "every", Text: topology.Text{EN: "each message of a client goes to port 12000, and each reply comes from port 12000"}, Reason: "client.packets of client2 -> server: its capture has no packet of the connection"},
	}}
	for i := range v.Claims {
		f := &v.Claims[i]
		f.Outcome, f.Expected, f.AsExpected = outcomes[i], claim.Holds, outcomes[i] == claim.Holds
	}
	v.Claims[1].Rows = []claim.Row{
		{File: "server.sockets.jsonl", Line: 4, Text: "tcp 10.12.0.10:12000 10.12.0.254:40992 ESTABLISHED"},
		{File: "server.sockets.jsonl", Line: 5, Text: "tcp 10.12.0.10:12000 10.12.0.254:46253 ESTABLISHED"},
		{File: "server.sockets.jsonl", Line: 6, Text: "tcp 10.12.0.10:12000 10.12.0.254:51514 ESTABLISHED"},
		{File: "client1.pcapng", Line: 1, Text: "client1 10.12.1.10:40992 -> server 10.12.0.10:12000"},
	}
	v.Versions = claim.Versions{Fourtuple: "v1.0.0", Engine: "netns", Kernel: "6.18.0"}
	for i := range run.Connections {
		c := &run.Connections[i]
		row := claim.Connection{
			Client: c.Client.Host, Server: c.Server.Host, FourTuple: c.FourTuple,
			Opening: c.Opening, Outcome: c.Outcome, Path: []claim.Hop{{Host: "router"}}, Witnesses: claim.Witnesses{},
		}
		if at := c.AtServer(); c.Translated() {
			row.Translated, row.Path[0].Translated = &at, &at
		}
		for name, lack := range c.Lacks {
			row.Witnesses[name] = lack == ""
		}
		v.Connections = append(v.Connections, row)
	}
	for i := range run.Datagrams {
		d := &run.Datagrams[i]
		row := claim.Datagram{
			Sender: d.Sender.Host, Receiver: d.Receiver.Host, FourTuple: d.FourTuple, Occurrence: d.Occurrence, Length: d.Length, Text: string(d.Payload),
			Delivered: new(bool), Path: []claim.Hop{{Host: "router"}}, Witnesses: claim.Witnesses{},
		}
		*row.Delivered = d.Lacks["receiver.packets"] == ""
		for name, lack := range d.Lacks {
			row.Witnesses[name] = lack == ""
		}
		v.Datagrams = append(v.Datagrams, row)
	}
	return v
}

// withSteps gives a run steps: a typed line that was answered, one that was not
// done, and a snapshot of all hosts.
func withSteps(run *evidence.Run) {
	at := sampleStart.Add(time.Second)
	row := func(number int, host string, step topology.Step, answer *evidence.ProgramEvent) {
		step.Number = number
		run.Steps = append(run.Steps, evidence.StepRow{Step: step, Time: at, Host: host, Answer: answer, Line: 3})
	}
	typed := func(line string) topology.Step {
		return topology.Step{Action: topology.Type, On: []string{"server"}, Line: line}
	}
	row(1, "server", topology.Step{Action: topology.Start, On: []string{"server"}}, nil)
	row(2, "server", typed("listen 12000"), &evidence.ProgramEvent{Local: end("0.0.0.0:12000"), Answer: evidence.Answer{Call: "listen"}})
	row(3, "server", typed("c = accept"), &evidence.ProgramEvent{Answer: evidence.Answer{Call: "accept", Waiting: true}})
	row(4, "server", typed("recv c"), &evidence.ProgramEvent{Local: serverEnd, Remote: end("10.12.1.10:40992"), Text: "hi\n", Bytes: 3, Answer: evidence.Answer{Call: "recv", Result: 3}})
	row(5, "server", typed("send c x"), &evidence.ProgramEvent{Answer: evidence.Answer{Call: "send", Result: -1, Errno: "EPIPE"}})
	row(6, "server", typed("sned"), &evidence.ProgramEvent{Error: `there is no call "sned"; do you mean send?`})
	for _, h := range []string{"client1", "server"} {
		row(7, h, topology.Step{Action: topology.Snapshot, Name: "settled"}, nil)
		at = at.Add(time.Millisecond)
	}
	run.Steps[len(run.Steps)-1].Line, run.Steps[len(run.Steps)-1].Time = 0, time.Time{}
}

// withDatagrams gives a run a question over UDP and its answer, which the server
// sent and nobody got.
func withDatagrams(run *evidence.Run) {
	client := end("10.12.1.10:50505")
	ask := evidence.Datagram{
		FourTuple: evidence.FourTuple{Source: client, Destination: serverEnd}, Occurrence: 1, Payload: []byte("one"), Length: 3,
		Sender: evidence.DatagramSide{Host: "client1", Local: client, Remote: serverEnd}, Receiver: evidence.DatagramSide{Host: "server", Local: serverEnd, Remote: client},
		Lacks: map[string]string{"sender.packets": "", "router.packets": "", "receiver.packets": ""},
	}
	answer := ask
	answer.FourTuple, answer.Payload, answer.Length = ask.Reverse(), nil, 1400
	answer.Sender, answer.Receiver = ask.Receiver, ask.Sender
	answer.Lacks = map[string]string{"sender.packets": "", "receiver.packets": "its capture has no such datagram"}
	run.Datagrams = append(run.Datagrams, ask, answer)
	server := run.Hosts["server"]
	server.Sockets = append(server.Sockets,
		evidence.Socket{Snapshot: 2, Protocol: "udp", State: evidence.Closed, Local: end("0.0.0.0:12000"), Remote: end("0.0.0.0:0"), Inode: 40100},
		evidence.Socket{Snapshot: 2, Protocol: "udp", State: evidence.Established, Local: serverEnd, Remote: client, Inode: 40101})
}

// holds is the sample as it should be.
func holds() (*evidence.Run, claim.Verdict) {
	run := sampleRun(false)
	withSteps(run)
	return run, sampleVerdict(run, claim.AsExpected, claim.Holds, claim.Holds, claim.Holds)
}

// refuted is the sample behind a router that translates, with witnesses that
// are missing or do not apply, and defects, conflicts and orphans.
func refuted() (*evidence.Run, claim.Verdict) {
	run := sampleRun(true)
	run.Lab.Question = topology.Text{KO: "공유기 뒤의 세 클라이언트를 서버는 어떤 주소로 볼까?"}
	run.Lab.Explanation = topology.Text{EN: "The router replaces the source address.\n\nIn practice: <nothing>.", KO: "공유기가 출발지 주소를 바꾼다."}
	withDatagrams(run)
	c := &run.Connections[1]
	c.Client.Packets, c.Server.Packets = nil, c.Server.Packets[:3]
	c.Lacks["client.packets"] = "its capture has no packet of the connection"
	c.Conflicts = []string{"client.program sent 20 bytes, server.packets has 19"}
	delete(run.Connections[2].Lacks, "client.program")
	run.Hosts["client2"].Defects = map[evidence.Witness]string{evidence.Packets: "client2.pcapng is missing"}
	run.Defects = []string{"client2 took part in another run"}
	run.Orphans = []evidence.Orphan{{Host: "client1", Witness: evidence.Sockets, Line: 4, What: "ESTABLISHED 10.12.1.10:1 to 10.12.0.10:12000: nobody else has it"}}
	v := sampleVerdict(run, claim.NotAsExpected, claim.Refuted, claim.Refuted, claim.NotShown)
	v.Claims[0].Expected, v.Claims[0].AsExpected = claim.Refuted, true
	v.Claims[2].Expected, v.Claims[2].Missing = claim.NotShown, "client3.packets"
	return run, v
}
