package table

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A connection is a row of the table connections: one as it was at a moment.
type connection struct {
	*evidence.Connection
	client, server end
}

// An end is one side of a connection at a moment of its host.
type end struct {
	*evidence.Side
	at *hostMoment // nil where no host of the lab has the endpoint
}

var connections = Kind{
	Name:      "connections",
	Doc:       "the openings of TCP connections until a snapshot, one row each, put together from what all witnesses have; refused and unanswered ones are among them",
	witnesses: evidence.ColumnNames,
	text:      connectionText,
	time:      func(r *Row) (from, until time.Time) { return instant(begin(r.record.(*connection).Connection)) },
	Columns: slices.Concat(
		[]Column{
			{Name: "client.host", Type: "string", Doc: "the host that sent the first SYN; empty if no host of the lab has its address", value: of(func(c *connection) string { return c.Client.Host })},
			{Name: "server.host", Type: "string", Doc: "the host that it came to; empty if no host of the lab has its address", value: of(func(c *connection) string { return c.Server.Host })},
		},
		endpoint("client", "the client's own end", asClient, func(r *Row) netip.AddrPort { return r.record.(*connection).Client.Local }),
		endpoint("server", "the server's own end", asServer, func(r *Row) netip.AddrPort { return r.record.(*connection).Server.Local }),
		endpoint("source", "the client, as the client has it", asClient, func(r *Row) netip.AddrPort { return r.record.(*connection).Source }),
		endpoint("destination", "the server, as the client has it", asClient, func(r *Row) netip.AddrPort { return r.record.(*connection).Destination }),
		endpoint("translated.source", "the client, as the server has it", asServer, func(r *Row) netip.AddrPort { return r.record.(*connection).AtServer().Source }),
		endpoint("translated.destination", "the server, as the server has it", asServer, func(r *Row) netip.AddrPort { return r.record.(*connection).AtServer().Destination }),
		[]Column{
			{Name: "changed", Type: "bool", Doc: "whether a router translated its addresses or ports", value: of(func(c *connection) bool { return c.Translated() })},
			{Name: "path", Type: "list(string)", Doc: "the routers that it crossed, from the client to the server", Witnesses: captures, from: "router.packets", value: of(func(c *connection) []string { return hosts(c.Path) })},
			{Name: "opening", Type: "int", Doc: "which opening of its four-tuple it is, from 1", value: of(func(c *connection) int64 { return int64(c.Opening) })},
			{Name: "outcome", Type: "string", Doc: "what became of it until then: opened, refused or unanswered", Witnesses: captures, Values: []string{string(evidence.Opened), string(evidence.Refused), string(evidence.Unanswered)}, value: outcome},
			{Name: "client.subnet", Type: "string", Doc: "the subnet that the client's address is on, as the server has it", within: asServer.within, value: func(r *Row) any { return subnet(r, r.record.(*connection).AtServer().Source) }},
			{Name: "server.subnet", Type: "string", Doc: "the subnet that the server's address is on, as the server has it", within: asServer.within, value: func(r *Row) any { return subnet(r, r.record.(*connection).AtServer().Destination) }},
		},
		endColumns("client", func(r *Row) *end { return &r.record.(*connection).client }),
		endColumns("server", func(r *Row) *end { return &r.record.(*connection).server }),
	),
}

var (
	captures = []string{"client.packets", "router.packets", "server.packets"}
	// asClient is what the witnesses on the client's side tell, asServer what
	// those on the server's do; without a translation all do.
	asClient = Column{within: slices.DeleteFunc(slices.Clone(evidence.ColumnNames), func(w string) bool { return strings.HasPrefix(w, "server.") })}
	asServer = Column{within: slices.DeleteFunc(slices.Clone(evidence.ColumnNames), func(w string) bool { return strings.HasPrefix(w, "client.") })}
)

// endColumns are the columns of one end of a connection.
func endColumns(role string, get func(*Row) *end) []Column {
	other := map[string]string{"client": "server", "server": "client"}[role]
	capture := role + ".packets"
	socketCell := func(value func(*evidence.Socket) any) func(*Row) any {
		return func(r *Row) any {
			e := get(r)
			if e.at == nil {
				return nil
			}
			s := e.socket()
			if s == nil {
				if !r.vouched(capture) {
					return nil
				}
				s = &evidence.Socket{State: evidence.Closed}
			}
			return value(s)
		}
	}
	// While the tables change, that no process has the socket says nothing.
	fileCell := func(value func([]evidence.File) any) func(*Row) any {
		return func(r *Row) any {
			e := get(r)
			if e.at == nil {
				return nil
			}
			files := evidence.Dump(e.Files, e.at.number)
			if s := e.socket(); len(files) == 0 && (s != nil && s.Moving || !r.vouched(capture)) {
				return nil
			}
			return value(files)
		}
	}
	packetCell := func(value func(*end) any) func(*Row) any {
		return func(r *Row) any {
			if e := get(r); e.at != nil {
				return value(e)
			}
			return nil
		}
	}
	sockets, files := []string{role + ".sockets"}, []string{role + ".files"}
	column := func(name, kind, unit, doc string) Column {
		return Column{Name: role + "." + name, Type: kind, Unit: unit, Doc: doc, Witnesses: captures, from: capture}
	}
	bySockets := func(c Column, value func(*evidence.Socket) any) Column {
		c.Witnesses, c.from, c.absent, c.vouch, c.value = sockets, "", true, capture, socketCell(value)
		return c
	}
	byFiles := func(c Column, value func([]evidence.File) any) Column {
		c.Witnesses, c.from, c.absent, c.vouch, c.value = files, "", true, capture, fileCell(value)
		return c
	}
	byPackets := func(c Column, value func(*end) any) Column {
		c.value = packetCell(value)
		return c
	}
	state := column("state", "string", "", "the state of the "+role+"'s socket at the snapshot, as netstat writes it; CLOSE if there is none")
	state.Values = states
	return []Column{
		bySockets(state, func(s *evidence.Socket) any { return s.State }),
		bySockets(column("inode", "int", "", "its socket's inode; 0 while no process holds it"), func(s *evidence.Socket) any { return int64(s.Inode) }),
		bySockets(column("recv_queue", "int", "bytes", "its Recv-Q: what arrived and was not read"), func(s *evidence.Socket) any { return int64(s.RecvQueue) }),
		bySockets(column("send_queue", "int", "bytes", "its Send-Q: what was sent and is not acknowledged"), func(s *evidence.Socket) any { return int64(s.SendQueue) }),
		byFiles(column("program", "string", "", "the name of the program that has the socket open; empty for the host's command, and for none"), func(f []evidence.File) any { return first(f).Program }),
		byFiles(column("pid", "int", "", "the process that has it open, the first of several; 0 for none"), func(f []evidence.File) any { return int64(first(f).PID) }),
		byFiles(column("descriptors", "int", "", "how many descriptors it is open at"), func(f []evidence.File) any { return int64(len(f)) }),
		byPackets(column("sent", "int", "bytes", "what it sent until then, by its capture; what was sent again counts once"), func(e *end) any { return int64(len(e.stream(e.Local))) }),
		byPackets(column("received", "int", "bytes", "what came to it until then, by its capture"), func(e *end) any { return int64(len(e.stream(e.Remote))) }),
		byPackets(column("segments", "int", "", "how many segments with data it sent until then; the "+other+" acknowledges them without"), func(e *end) any {
			n := int64(0)
			for _, p := range e.packets() {
				if p.Source == e.Local && p.Length > 0 {
					n++
				}
			}
			return n
		}),
		byPackets(column("text", "string", "", "what it sent until then; bytes that are no UTF-8 are \\ufffd"), func(e *end) any { return valid(e.stream(e.Local)) }),
	}
}

// first is the first of the open files, or one of nothing.
func first(files []evidence.File) evidence.File {
	if len(files) == 0 {
		return evidence.File{}
	}
	return files[0]
}

// socket is the end's row in the snapshot, nil if there is none.
func (e *end) socket() *evidence.Socket {
	rows := evidence.Dump(e.Sockets, e.at.number)
	if len(rows) == 0 {
		return nil
	}
	return &rows[len(rows)-1]
}

func (e *end) packets() []evidence.Packet { return evidence.Until(e.Packets, e.at.time) }

// stream is what one of the endpoints sent until the moment.
func (e *end) stream(from netip.AddrPort) []byte {
	packets := e.packets()
	switch {
	case len(packets) < len(e.Packets):
		return evidence.Reassemble(packets, from).Data
	case from == e.Local:
		return e.Sent.Data
	}
	return e.Received.Data
}

// outcome is what became of a connection until the moment.
func outcome(r *Row) any {
	o := r.record.(*connection).OutcomeUntil(r.source.to.until)
	if o == evidence.Unknown {
		return nil
	}
	return string(o)
}

// begin is when the first capture has a connection.
func begin(c *evidence.Connection) (first time.Time) {
	each := func(packets []evidence.Packet) {
		if len(packets) > 0 && (first.IsZero() || packets[0].Time.Before(first)) {
			first = packets[0].Time
		}
	}
	each(c.Client.Packets)
	each(c.Server.Packets)
	for i := range c.Path {
		each(c.Path[i].Packets)
	}
	return first
}

// hosts are the routers of a path.
func hosts(path []evidence.Hop) []string {
	names := []string{}
	for i := range path {
		names = append(names, path[i].Host)
	}
	return names
}

// subnet is the name of the subnet that an endpoint's address is on; empty if it
// is on none.
func subnet(r *Row, e netip.AddrPort) string {
	for _, s := range r.source.tables.run.Lab.Subnets {
		if a := e.Addr().Unmap(); s.Prefix.Contains(a) || s.Prefix6.IsValid() && s.Prefix6.Contains(a) {
			return s.Name
		}
	}
	return ""
}

// connectionText is a row in words, with what became of it until the moment.
func connectionText(r *Row) string {
	c := r.record.(*connection).Connection
	return words(c.Client.Host, c.Source.String(), "->", c.Server.Host, c.Destination.String(),
		when(c.Translated(), "(%s -> %s at the server)", c.AtServer().Source, c.AtServer().Destination), when(len(c.Path) > 0, "by %s", strings.Join(hosts(c.Path), ", ")),
		when(c.Opening > 1, "opening %d", c.Opening), string(c.OutcomeUntil(r.source.to.until)))
}

// serversBit is the bit of the first of the server's witnesses.
var serversBit = slices.Index(evidence.ColumnNames, "server.packets")

// connectionRows makes the rows of the connections that began within a span.
func (t *Tables) connectionRows(from, to *moment) []*Row {
	in := &source{tables: t, to: to, gaps: connectionGap}
	rows := make([]Row, 0, len(t.run.Connections))
	records := make([]connection, len(t.run.Connections))
	for i := range t.run.Connections {
		c := &t.run.Connections[i]
		if !began(c, from, to) {
			continue
		}
		record := &records[i]
		*record = connection{c, end{&c.Client, to.host(c.Client.Host)}, end{&c.Server, to.host(c.Server.Host)}}
		row := Row{kind: kindOf("connections"), record: record, source: in, changed: c.Translated()}
		row.File, row.Line = firstPacket(c)
		for n, name := range evidence.ColumnNames {
			row.of.set(1<<n, t.standing(c, name, record))
		}
		row.byHost.add(record.client.at, 0)
		row.byHost.add(record.server.at, serversBit)
		rows = append(rows, row)
	}
	return pointers(rows)
}

// began tells whether a capture has the beginning of a connection until a moment,
// and none has it until an earlier one.
func began(c *evidence.Connection, from, to *moment) bool {
	begun := func(m *moment) bool {
		by := func(packets []evidence.Packet, host string) bool {
			return len(packets) > 0 && m.has(host, packets[0].Time)
		}
		return by(c.Client.Packets, c.Client.Host) || by(c.Server.Packets, c.Server.Host) ||
			slices.ContainsFunc(c.Path, func(h evidence.Hop) bool { return by(h.Packets, h.Host) })
	}
	return begun(to) && (from == nil || !begun(from))
}

// firstPacket is where the first capture on the way has the connection.
func firstPacket(c *evidence.Connection) (file string, number int) {
	at := func(packets []evidence.Packet, host string) bool {
		if len(packets) == 0 {
			return false
		}
		file, number = evidence.FileName(host, evidence.Packets), packets[0].Number
		return true
	}
	_ = at(c.Client.Packets, c.Client.Host) || slices.ContainsFunc(c.Path, func(h evidence.Hop) bool { return at(h.Packets, h.Host) }) ||
		at(c.Server.Packets, c.Server.Host)
	return file, number
}

// standing is that of a witness to a connection.
func (t *Tables) standing(c *evidence.Connection, name string, record *connection) Standing {
	why, asked := c.Lacks[name]
	if !asked {
		return NotAsked
	}
	at, w := record.end(name)
	switch {
	case c.Contradicted[name], at != nil && at.translator().Why != "":
		return Contradicted
	case strings.HasPrefix(name, "router."):
		if router, reason := t.blamed(why); router != "" && reason == t.run.Hosts[router].Defect(evidence.Packets) {
			return Broken
		}
	case at == nil || at.defect(w) != "":
		return Broken
	}
	if why != "" {
		return Absent
	}
	return Whole
}

// end is the host that a witness of the connection is of, nil for the routers,
// and which one of it.
func (c *connection) end(witness string) (*hostMoment, evidence.Witness) {
	role, w, _ := strings.Cut(witness, ".")
	switch role {
	case evidence.RoleClient:
		return c.client.at, evidence.Witness(w)
	case evidence.RoleServer:
		return c.server.at, evidence.Witness(w)
	}
	return nil, evidence.Witness(w)
}

// blamed takes apart why the evidence of routers is not whole: it begins with a
// router's name.
func (t *Tables) blamed(why string) (router, reason string) {
	for _, h := range t.run.Lab.Hosts {
		if rest, ok := strings.CutPrefix(why, h.Name); ok && h.Forwards {
			if reason, ok := strings.CutPrefix(rest, ": "); ok {
				return h.Name, reason
			}
			if strings.HasPrefix(rest, " ") {
				return h.Name, why
			}
		}
	}
	return "", why
}

// connectionGap is why a witness of a connection is not whole.
func connectionGap(r *Row, witness string) Gap {
	c := r.record.(*connection)
	at, w := c.end(witness)
	why := c.Lacks[witness]
	if at == nil {
		if router, reason := r.source.tables.blamed(why); router != "" {
			return Gap{router + "." + string(w), reason}
		}
		return Gap{witness, why}
	}
	if gap := at.translator(); gap.Why != "" {
		return gap
	}
	if gap := at.gap(w); gap.Why != "" && !c.Contradicted[witness] {
		return gap
	}
	return Gap{at.name + "." + string(w), cmp.Or(why, at.missing[w])}
}
