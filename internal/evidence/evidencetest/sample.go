// Package evidencetest makes run folders for tests: whole, consistent ones of
// the first lab, as hosts write them in a run, to be altered and judged.
//
//	server 10.12.0.10 ── router ─┬─ client1 10.12.1.10
//	                             ├─ client2 10.12.2.10
//	                             └─ …
//
// New makes the records as values; a test changes what it likes, and Write
// writes them, sealed. Edit changes a written file as somebody with an editor
// would, and Reseal seals the folder anew.
package evidencetest

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Port is the server's.
const Port = 12000

// Start is when the first host of a sample registers.
var Start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// The times of a sample, after Start.
const (
	live     = 100 * time.Millisecond
	started  = 200 * time.Millisecond
	ready    = 900 * time.Millisecond
	snapshot = 1000 * time.Millisecond
	stopped  = 1900 * time.Millisecond
	closed   = 2000 * time.Millisecond
)

// Options say what the sample is like.
type Options struct {
	// Clients is the number of clients, 3 if it is 0.
	Clients int
	// Masquerade makes the router translate what it forwards to the server.
	Masquerade bool
}

// A Sample is a run of the first lab, as values. Of Hosts, Packets, Sockets,
// Files, Program, Translations and Events are what is written.
type Sample struct {
	Lab   *topology.Lab
	Hosts map[string]*evidence.Host
	// Interfaces are what the hosts' captures are of.
	Interfaces map[string][]evidence.Interface
	// Source is the text of lab.yml.
	Source []byte

	masquerade bool
}

// New makes the records of a run in which every client says a sentence to the
// server and has it back, and all connections are open at the snapshot.
func New(o Options) *Sample {
	if o.Clients == 0 {
		o.Clients = 3
	}
	s := &Sample{
		Lab: newLab(o), Hosts: make(map[string]*evidence.Host), Interfaces: make(map[string][]evidence.Interface),
		Source: []byte("x-lab: {name: three-clients}\n"), masquerade: o.Masquerade,
	}
	for i := range s.Lab.Hosts {
		h := &s.Lab.Hosts[i]
		s.Hosts[h.Name] = &evidence.Host{Name: h.Name}
		s.live(h)
	}
	s.listen()
	for i := range o.Clients {
		s.connect(i + 1)
	}
	for _, h := range s.Hosts {
		slices.SortStableFunc(h.Packets, func(a, b evidence.Packet) int { return a.Time.Compare(b.Time) })
		slices.SortStableFunc(h.Program, func(a, b evidence.ProgramEvent) int { return a.Time.Compare(b.Time) })
	}
	return s
}

// ClientName is the name of the nth client, from 1.
func ClientName(n int) string { return fmt.Sprintf("client%d", n) }

// ClientEnd is the nth client's endpoint, ServerEnd the server's.
func ClientEnd(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 12, byte(n), 10}), uint16(40000+n))
}

// ServerEnd is the server's endpoint of every connection.
var ServerEnd = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 12, 0, 10}), Port)

var (
	anywhere   = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	listenOn   = netip.AddrPortFrom(netip.IPv4Unspecified(), Port)
	routerHome = netip.AddrFrom4([4]byte{10, 12, 0, 254})
)

func subnetName(n int) string {
	if n < 4 {
		return [...]string{"home", "cafe", "office", "campus"}[n]
	}
	return fmt.Sprintf("net%d", n)
}

func link(n, host int) topology.Link {
	return topology.Link{Subnet: subnetName(n), Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 12, byte(n), byte(host)}), 24)}
}

func newLab(o Options) *topology.Lab {
	lab := &topology.Lab{
		Name: "three-clients", Question: "Do the server's accepted sockets get new ports?",
		Server: "server", Port: Port, Limit: time.Minute,
		Claims: []string{"one-port", "distinct-sources", "message-ports", "one-socket-each", "witnesses-agree"},
	}
	router := topology.Host{Name: "router", Hostname: "router", Forwards: true}
	server := topology.Host{Name: "server", Hostname: "server", Links: []topology.Link{link(0, 10)}, Program: []string{"server", "--json"}}
	for n := range o.Clients + 1 {
		router.Links = append(router.Links, link(n, 254))
		lab.Subnets = append(lab.Subnets, topology.Subnet{Name: subnetName(n), Prefix: link(n, 0).Address.Masked()})
		if n == 0 {
			continue
		}
		name := ClientName(n)
		lab.Clients = append(lab.Clients, name)
		lab.Hosts = append(lab.Hosts, topology.Host{
			Name: name, Hostname: name, Links: []topology.Link{link(n, 10)}, DependsOn: []string{"router", "server"},
			Program: []string{"client", "--json", "--message", message(n), ServerEnd.String()},
		})
	}
	if o.Masquerade {
		router.Masquerade = []string{"home"}
	}
	lab.Hosts = append(lab.Hosts, router, server)
	for i := range lab.Hosts {
		if len(lab.Hosts[i].Program) > 0 {
			lab.Hosts[i].Ready, lab.Hosts[i].StopSignal = topology.Ready{When: topology.ReadyEvent}, "SIGTERM"
		}
	}
	topology.ComputeRoutes(lab)
	lab.Steps = topology.DefaultSteps(lab.Hosts)
	return lab
}

func header(host string, w evidence.Witness, after time.Duration) evidence.Header {
	return evidence.Header{Time: Start.Add(after), Host: host, Witness: w}
}

// live writes the account of a host from its registration to its end. Write
// fills in the run and the seals.
func (s *Sample) live(h *topology.Host) {
	host := s.Hosts[h.Name]
	add := func(after time.Duration, e evidence.HostEvent) {
		e.Header = header(h.Name, evidence.Agent, after)
		host.Events = append(host.Events, e)
	}
	interfaces := []evidence.Interface{{Name: "lo", Index: 1, MTU: 65536, Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}}}
	for i, l := range h.Links {
		interfaces = append(interfaces, evidence.Interface{
			Name: fmt.Sprintf("eth%d", i), Index: i + 2, MAC: mac(l.Address.Addr()).String(), MTU: 1500, Addresses: []netip.Prefix{l.Address},
		})
	}
	s.Interfaces[h.Name] = slices.Clone(interfaces)
	program, pid := len(h.Program) > 0, PID(h.Name)
	add(0, evidence.HostEvent{Event: evidence.HostRegistered})
	add(live, evidence.HostEvent{Event: evidence.HostLive, Interfaces: interfaces, Snapshot: 1})
	if program {
		add(started, evidence.HostEvent{Event: evidence.HostStarted, PID: pid, Command: h.Program})
		add(ready, evidence.HostEvent{Event: evidence.HostReady})
	}
	add(snapshot, evidence.HostEvent{Event: evidence.HostSnapshot, Snapshot: 2, Name: topology.Settled, Idle: true})
	if program {
		status := 0
		add(stopped-time.Millisecond, evidence.HostEvent{Event: evidence.HostExited, Status: &status})
		add(stopped, evidence.HostEvent{Event: evidence.HostStopped})
		s.standardFiles(h.Name)
	}
	add(closed, evidence.HostEvent{Event: evidence.HostClosed})
}

// PID is the process id of a host's program.
func PID(host string) int {
	if host == "server" {
		return 100
	}
	return 200 + int(host[len(host)-1]-'0')
}

func (s *Sample) standardFiles(host string) {
	for fd, target := range []string{"/dev/null", "pipe:[71]", "pipe:[72]"} {
		kind := "FIFO"
		if fd == 0 {
			kind = "CHR"
		}
		s.addFile(host, evidence.File{FD: fd, Access: "u", Type: kind, Target: target})
	}
}

// addFile adds an open file to a host's snapshot.
func (s *Sample) addFile(host string, f evidence.File) {
	f.Header, f.Snapshot = header(host, evidence.Files, snapshot), 2
	f.Command, f.PID, f.User = "program", PID(host), "nobody"
	s.Hosts[host].Files = append(s.Hosts[host].Files, f)
}

// addSocket adds a socket to a host's snapshot, and the program's open file of it.
func (s *Sample) addSocket(host string, fd int, row evidence.Socket) {
	row.Header, row.Snapshot, row.Protocol, row.UID = header(host, evidence.Sockets, snapshot), 2, "tcp", 65534
	s.Hosts[host].Sockets = append(s.Hosts[host].Sockets, row)
	s.addFile(host, evidence.File{
		FD: fd, Access: "u", Type: "IPv4", Target: fmt.Sprintf("socket:[%d]", row.Inode), Inode: row.Inode,
		Protocol: "tcp", Local: row.Local, Remote: row.Remote, State: row.State,
	})
}

func (s *Sample) addEvent(host string, after time.Duration, e evidence.ProgramEvent) {
	e.Header = header(host, evidence.Program, after)
	e.Bytes = len(e.Text)
	s.Hosts[host].Program = append(s.Hosts[host].Program, e)
}

func (s *Sample) listen() {
	s.addEvent("server", started+time.Millisecond, evidence.ProgramEvent{Event: evidence.EventListening, Local: listenOn})
	s.addSocket("server", 3, evidence.Socket{State: evidence.Listen, Local: listenOn, Remote: anywhere, SendQueue: 4096, Inode: 100})
}

func message(n int) string { return "Hello from " + subnetName(n) }

const greeting = "Welcome to the Server\n"

// connect is what everybody sees of the nth client's connection.
func (s *Sample) connect(n int) {
	name, client, server := ClientName(n), ClientEnd(n), ServerEnd
	atServer := client
	if s.masquerade {
		atServer = netip.AddrPortFrom(routerHome, client.Port())
		s.Hosts["router"].Translations = append(s.Hosts["router"].Translations, evidence.Translation{
			Header: header("router", evidence.Conntrack, snapshot), Snapshot: 2,
			Original:   evidence.FourTuple{Source: client, Destination: server},
			Translated: evidence.FourTuple{Source: atServer, Destination: server},
		})
	}
	s.addSocket(name, 3, evidence.Socket{State: evidence.Established, Local: client, Remote: server, Inode: uint64(500 + n)})
	s.addSocket("server", 3+n, evidence.Socket{State: evidence.Established, Local: server, Remote: atServer, Inode: uint64(100 + n)})
	reply := "Server Says: " + message(n)
	begin := started + time.Duration(n)*20*time.Millisecond
	ms := func(n int) time.Duration { return begin + time.Duration(n)*time.Millisecond }
	own := func(e, text string) evidence.ProgramEvent {
		return evidence.ProgramEvent{Event: e, Local: client, Remote: server, Text: text}
	}
	its := func(e, text string) evidence.ProgramEvent {
		return evidence.ProgramEvent{Event: e, Local: server, Remote: atServer, Text: text}
	}
	s.addEvent(name, ms(3), own(evidence.EventConnected, ""))
	s.addEvent(name, ms(5), own(evidence.EventReceived, greeting))
	s.addEvent(name, ms(6), own(evidence.EventSent, message(n)))
	s.addEvent(name, ms(9), own(evidence.EventReceived, reply))
	s.addEvent(name, ms(10), own(evidence.EventHolding, ""))
	s.addEvent(name, stopped-3*time.Millisecond, own(evidence.EventClosed, ""))
	s.addEvent("server", ms(3), its(evidence.EventAccepted, ""))
	s.addEvent("server", ms(4), its(evidence.EventSent, greeting))
	s.addEvent("server", ms(7), its(evidence.EventReceived, message(n)))
	s.addEvent("server", ms(8), its(evidence.EventSent, reply))
	s.addEvent("server", stopped-2*time.Millisecond, its(evidence.EventClosed, ""))
	for i, p := range conversation(client, server, uint32(n), message(n), reply) {
		p.Time = Start.Add(ms(i))
		if p.Flags.Has(evidence.FIN) || i > 8 {
			p.Time = Start.Add(stopped - 3*time.Millisecond + time.Duration(i)*10*time.Microsecond)
		}
		s.forward(name, n, p, atServer)
	}
}
