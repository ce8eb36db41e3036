package evidence

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Connection is the join of all evidence about one opening of one TCP
// four-tuple.
type Connection struct {
	// FourTuple is the client's view, from the client to the server.
	FourTuple
	// Opening counts the openings of the same four-tuple in a run, from 1.
	Opening int
	// ClientISN and ServerISN are the initial sequence numbers (RFC 9293,
	// section 3.4.1); the server's is nil where no capture has its answer.
	ClientISN, ServerISN *uint32
	Outcome              Outcome
	// Client and Server are what the hosts at either end have. A side that
	// nothing was seen of has endpoints but no records.
	Client, Server Side
	// Path are the routers that the connection crossed, from the client to the
	// server, by their captures; translations are among them, in order.
	Path []Hop
	// Lacks says, for each of the connection's witnesses, why its evidence of
	// this connection is not whole, or which other witness it contradicts. Its
	// keys are "client.packets", "client.sockets", "client.files",
	// "client.program", "router.packets", "server.packets" and so on: the
	// column names of ColumnNames. An empty text is a witness with whole
	// evidence; a witness that does not apply has no key: the program of a host
	// that tells no events, the router of a connection that crosses none.
	Lacks map[string]string
	// Conflicts are the contradictions among witnesses, as sentences.
	Conflicts []string
	// Contradicted has those keys of Lacks whose witness contradicts another
	// one or itself.
	Contradicted map[string]bool

	begin time.Time // of its first packet
	// direct are packets of the client's capture between the server's endpoint
	// and its own, past a router that translates: on one subnet the server
	// answers the client itself.
	direct []Packet
	// refusedAt is when an ICMP error first quoted its SYN. simultaneous: both ends
	// sent a SYN.
	refusedAt    time.Time
	simultaneous bool
}

// ColumnNames are the names of the witnesses of a connection, in the order in
// which they are always listed.
var ColumnNames = []string{
	"client.packets", "client.sockets", "client.files", "client.program",
	"router.packets",
	"server.packets", "server.sockets", "server.files", "server.program",
}

// An Outcome is what became of an opening.
type Outcome string

// The outcomes of an opening.
const (
	// Opened: the three-way handshake was completed, at least at one end.
	Opened Outcome = "opened"
	// Refused: the SYN was answered by RST, or by an ICMP error.
	Refused Outcome = "refused"
	// Unanswered: the SYN had no answer.
	Unanswered Outcome = "unanswered"
	// Unknown: what is left of the evidence does not tell.
	Unknown Outcome = "unknown"
)

// AtServer is the four-tuple as the server's side has it, client first.
func (c *Connection) AtServer() FourTuple {
	return FourTuple{Source: c.Server.Remote, Destination: c.Server.Local}
}

// Translated tells whether a router changed addresses or ports on the way.
func (c *Connection) Translated() bool { return c.AtServer() != c.FourTuple }

// A Side is what the witnesses of one host have of one connection.
type Side struct {
	// Host is the host's name; empty where no host of the lab has the address.
	Host string
	// Local is the host's own endpoint, Remote the other one as the host has it.
	Local, Remote netip.AddrPort
	Packets       []Packet
	Sockets       []Socket
	Files         []File
	Events        []ProgramEvent
	// Sent and Received are the streams of bytes, put together from Packets.
	Sent, Received Stream
}

// A Hop is a router that a connection crossed.
type Hop struct {
	Host string
	// In is the four-tuple as it came to the router, Out as it left it, client
	// first; they differ where the router translated. From and To are the
	// names of the interfaces towards the client and towards the server.
	In, Out  FourTuple
	From, To string
	Packets  []Packet
	// Translation is the conntrack entry; nil where the router did not
	// translate.
	Translation *Translation
}

// A Datagram is one UDP datagram (RFC 768) as both ends' captures have it: equal
// payloads between the same endpoints are told apart by their order.
type Datagram struct {
	// FourTuple is as the sender has it.
	FourTuple
	// Time is when its first capture has it.
	Time time.Time
	// Occurrence counts, from 1, the datagrams of this payload between these
	// endpoints.
	Occurrence int
	Payload    []byte
	Length     int
	// Sender and Receiver are the hosts; empty where no host of the lab has the
	// address. A side whose capture does not have it has no packet.
	Sender, Receiver DatagramSide
	// Path are the routers that forwarded it, translations among them.
	Path []Hop
	// Lacks is as a Connection's, by "sender.packets", "router.packets" and
	// "receiver.packets".
	Lacks map[string]string
}

// AtReceiver is the four-tuple as the receiver has it.
func (d *Datagram) AtReceiver() FourTuple {
	return FourTuple{Source: d.Receiver.Remote, Destination: d.Receiver.Local}
}

// A DatagramSide is what one end has of a datagram.
type DatagramSide struct {
	Host          string
	Local, Remote netip.AddrPort
	// Packet is nil where the host's capture does not have it.
	Packet *Packet
}

// A StepRow is what is known of one step on one host: a row of the table steps.
type StepRow struct {
	topology.Step
	// Time is when it was done; zero if it was not.
	Time time.Time
	Host string
	// Program is the program's name, empty for the host's command.
	Program string
	// Answer is what a prompt answered; nil of any other step.
	Answer *ProgramEvent
	// Line is the line of the host's account that says so, 0 if none does.
	Line int
}

// An Orphan is a record that joins no connection although it should.
type Orphan struct {
	Host    string
	Witness Witness
	// Line is the record's line, or a packet's number.
	Line int
	// What says what the record tells, and why it joins nothing.
	What string
}

// A Contradiction is a record that cannot be beside another one: of the same
// witness, or of another.
type Contradiction struct {
	Host    string
	Witness Witness
	// Line is the record's line. It is 0 where a record is missing that must be
	// there: of the dump Snapshot, or, where that is 0, somewhere in the file.
	Line, Snapshot int
	Why            string
}

// The roles of a host in a connection, as the names of columns begin with them.
const (
	RoleClient = "client"
	RoleServer = "server"
	RoleRouter = "router"
)

// A recordFile is one file of records of a run.
type recordFile struct {
	host    string
	witness Witness
}

// A sideOfRecord is the index of a connection among the run's, from 1, and the
// role of the record's host in it.
type sideOfRecord struct {
	connection int32
	role       string
}

// SideOf is the connection that a record of a host is of, by its line or its
// packet's number, and the host's role in it; nil for a record of none. Of a
// host's connection with itself a packet is the client's.
func (r *Run) SideOf(host string, w Witness, line int) (c *Connection, role string) {
	of := r.sides[recordFile{host, w}]
	if line < 1 || line > len(of) || of[line-1].connection == 0 {
		return nil, ""
	}
	return &r.Connections[of[line-1].connection-1], of[line-1].role
}

// indexSides makes what SideOf looks up.
func (r *Run) indexSides() {
	r.sides = make(map[recordFile][]sideOfRecord)
	for i := range r.Connections {
		c := &r.Connections[i]
		for _, e := range []end{{c, &c.Client, RoleClient}, {c, &c.Server, RoleServer}} {
			is := sideOfRecord{int32(i + 1), e.role}
			for n := range e.Packets {
				r.index(e.Host, Packets, e.Packets[n].Number, is)
			}
			for n := range e.Sockets {
				r.index(e.Host, Sockets, e.Sockets[n].Line, is)
			}
			for n := range e.Files {
				r.index(e.Host, Files, e.Files[n].Line, is)
			}
			for n := range e.Events {
				r.index(e.Host, Program, e.Events[n].Line, is)
			}
		}
		for _, hop := range c.Path {
			for n := range hop.Packets {
				r.index(hop.Host, Packets, hop.Packets[n].Number, sideOfRecord{int32(i + 1), RoleRouter})
			}
		}
	}
}

// blameSides blames the columns of connections for the records that contradict
// others.
func (r *Run) blameSides() {
	for _, d := range r.Contradictions {
		c, role := r.SideOf(d.Host, d.Witness, d.Line)
		if c == nil {
			continue
		}
		column := role + "." + string(d.Witness)
		if lacks, applies := c.Lacks[column]; applies {
			c.Contradicted[column] = true
			c.Lacks[column] = cmp.Or(lacks, "it contradicts other evidence: "+d.Why)
		}
	}
}

// index notes what a record is of, if nothing is known of it yet.
func (r *Run) index(host string, w Witness, line int, is sideOfRecord) {
	file := recordFile{host, w}
	of := r.sides[file]
	if line > len(of) {
		of = append(of, make([]sideOfRecord, line-len(of))...)
		r.sides[file] = of
	}
	if line > 0 && of[line-1].connection == 0 {
		of[line-1] = is
	}
}

// reassemble puts the streams together, once for every reader.
func (c *Connection) reassemble() {
	for _, s := range []*Side{&c.Client, &c.Server} {
		if len(s.Packets) > 0 {
			s.Sent, s.Received = Reassemble(s.Packets, s.Local), Reassemble(s.Packets, s.Remote)
		}
	}
}

// A course is what one capture has of an opening.
type course struct {
	// answered: the SYN was, by a SYN. refused: the server's end sent RST.
	// completed: the client's end acknowledged the answer. aborted: it sent RST
	// instead. more: there are other packets than SYNs and RSTs.
	answered, refused, completed, aborted, more bool
}

func (c *Connection) courseOf(packets []Packet) (x course) {
	for i := range packets {
		p := &packets[i]
		up := p.Source == c.Source || p.Source == c.AtServer().Source
		switch {
		case p.Flags.Has(SYN | ACK):
			x.answered = true
		case opens(p):
		case p.Flags.Has(RST):
			x.refused = x.refused || !up
			x.aborted = x.aborted || up && x.answered && !x.completed
		default:
			x.completed = x.completed || x.answered && up && p.Flags.Has(ACK)
			x.more = true
		}
	}
	return x
}

// OutcomeUntil is what the evidence says became of an opening until a time, which
// may be another one on every host; the zero time is the end of the run. What did
// not reach the client was no answer to it, where its own capture can tell.
func (c *Connection) OutcomeUntil(at func(host string) time.Time) Outcome {
	client := c.courseOf(Until(c.Client.Packets, at(c.Client.Host)))
	all := append(make([]course, 0, 8), client, c.courseOf(Until(c.Server.Packets, at(c.Server.Host))))
	for i := range c.Path {
		all = append(all, c.courseOf(Until(c.Path[i].Packets, at(c.Path[i].Host))))
	}
	opened, answered, refused, more := client.answered && !client.aborted, false, false, false
	for _, x := range all {
		opened = opened || x.completed
		answered, refused, more = answered || x.answered, refused || x.refused, more || x.more
	}
	silent := len(c.Client.Packets) > 0 && !client.answered && !client.refused && !client.more
	switch {
	case opened:
		return Opened
	case refused && !more:
		return Refused
	case !c.refusedAt.IsZero() && within(c.refusedAt, at(c.Client.Host)) && !client.answered && !client.more:
		return Refused
	case !answered && !more, silent, client.aborted && !client.more:
		return Unanswered
	}
	return Unknown
}

// refusedAt is when an ICMP error first quoted the connection's SYN; zero for
// never.
func (j *joiner) refusedAt(c *Connection) time.Time {
	for _, k := range []openingKey{
		{FourTuple: c.FourTuple, number: *c.ClientISN},
		{FourTuple: c.FourTuple, number: *c.ClientISN, host: c.Client.Host},
		{FourTuple: c.AtServer(), number: *c.ClientISN},
	} {
		if at := j.refusals[k]; !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}
