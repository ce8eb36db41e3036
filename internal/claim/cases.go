package claim

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A connectionCase is a connection to the lab's server with what its witnesses
// lack.
type connectionCase struct {
	evidence.Connection
	// lacks holds, for each witness, why its evidence is not whole or what it
	// contradicts; empty for a witness that can be relied on.
	lacks map[string]string
}

// cases is all that a claim is judged by.
type cases struct {
	lab         *topology.Lab
	run         *evidence.Run
	connections []connectionCase // opened, to the lab's server
	attempts    []evidence.Connection
}

// gather joins the run and keeps what concerns the lab's server. Attempts that
// nobody answered are no connections; they are kept for the reasons.
func gather(lab *topology.Lab, run *evidence.Run) *cases {
	c := &cases{lab: lab, run: run}
	for _, connection := range evidence.Join(run, lab.Owners()) {
		switch {
		case !opened(&connection):
			c.attempts = append(c.attempts, connection)
		case c.concerns(&connection):
			lacks := testimony(run, &connection)
			contradictions(&connection, lacks)
			c.connections = append(c.connections, connectionCase{connection, lacks})
		}
	}
	slices.SortStableFunc(c.connections, func(a, b connectionCase) int {
		return cmp.Compare(c.order(a.Client.Host), c.order(b.Client.Host))
	})
	return c
}

func (c *cases) order(client string) int {
	if i := slices.Index(c.lab.Clients, client); i >= 0 {
		return i
	}
	return len(c.lab.Clients)
}

// concerns tells whether the connection came to the lab's server, or was one
// that a client of the lab made to an address that nobody in the lab has.
func (c *cases) concerns(connection *evidence.Connection) bool {
	if connection.Server.Host == c.lab.Server {
		return true
	}
	return connection.Server.Host == "" && slices.Contains(c.lab.Clients, connection.Client.Host)
}

// opened tells whether any witness saw more than an attempt: an answered SYN, a
// socket beyond the handshake, or a program that says so.
func opened(c *evidence.Connection) bool {
	for _, side := range []*evidence.Side{&c.Client, &c.Server} {
		if len(side.Accounts) > 0 && !slices.ContainsFunc(side.Accounts, failed) {
			return true
		}
		if slices.ContainsFunc(side.Sockets, beyondHandshake) ||
			slices.ContainsFunc(side.Packets, answers) {
			return true
		}
	}
	return false
}

func failed(a evidence.Account) bool { return a.Event == evidence.SaidFailed }

func beyondHandshake(s evidence.Socket) bool {
	return s.State != evidence.SynSent && s.State != evidence.SynReceived && s.State != evidence.Closed
}

func answers(p evidence.Packet) bool { return p.Flags.Has(evidence.SYN | evidence.ACK) }

// rows are the connections as the verdict lists them.
func (c *cases) rows() []Connection {
	rows := make([]Connection, 0, len(c.connections))
	for i := range c.connections {
		rows = append(rows, row(&c.connections[i]))
	}
	return rows
}

// gap is the first thing that keeps a claim from being shown that needs these
// witnesses of every connection; empty if there is none.
func (c *cases) gap(needs ...string) string {
	for _, name := range c.run.Names() {
		if _, ok := c.lab.Host(name); !ok {
			return fmt.Sprintf("there is evidence of a host %s, which lab.yml does not have", name)
		}
	}
	if flaw := c.run.Hosts[c.lab.Server].Flaw(evidence.Agent); flaw != "" {
		return c.lab.Server + ": " + flaw
	}
	for i := range c.connections {
		if seen := c.connections[i].seenBy(); len(seen) == 1 {
			return fmt.Sprintf("only %s has a connection %s: it is at odds with the other witnesses", seen[0], c.connections[i].FourTuple)
		}
	}
	for _, client := range c.lab.Clients {
		if why := c.missing(client); why != "" {
			return why
		}
	}
	if len(c.connections) == 0 {
		return "no witness saw a connection to " + c.lab.Server
	}
	for i := range c.connections {
		if why := c.connections[i].gap(needs); why != "" {
			return why
		}
	}
	return ""
}

// missing says why the lab's client does not have the one connection that the
// lab expects of it.
func (c *cases) missing(client string) string {
	count := 0
	for i := range c.connections {
		if c.connections[i].Client.Host == client {
			count++
		}
	}
	switch {
	case count == 1:
		return ""
	case count > 1:
		return fmt.Sprintf("%s has %d connections, where one is expected", client, count)
	}
	if flaw := c.run.Hosts[client].Flaw(evidence.Agent); flaw != "" {
		return fmt.Sprintf("%s has no connection to %s: %s", client, c.lab.Server, flaw)
	}
	for _, a := range c.attempts {
		if a.Client.Host == client {
			return fmt.Sprintf("%s has no connection to %s: its attempt to reach %s was not answered", client, c.lab.Server, a.Destination)
		}
	}
	return fmt.Sprintf("%s has no connection to %s: no witness saw one", client, c.lab.Server)
}

func (cc *connectionCase) gap(needs []string) string {
	for _, name := range needs {
		if why := cc.lacks[name]; why != "" {
			return fmt.Sprintf("%s of %s -> %s: %s", name, cc.name(true), cc.name(false), why)
		}
	}
	return ""
}

// name is the host on one side, or its endpoint where no host has it.
func (cc *connectionCase) name(client bool) string {
	side := cc.Server
	if client {
		side = cc.Client
	}
	if side.Host == "" {
		return side.Local.String()
	}
	return side.Host
}

// seenBy names the witnesses that have any record of the connection, whole or
// not.
func (cc *connectionCase) seenBy() []string {
	counts := [...]int{
		len(cc.Client.Packets), len(cc.Client.Sockets), len(cc.Client.Accounts),
		len(cc.Server.Packets), len(cc.Server.Sockets), len(cc.Server.Files), len(cc.Server.Accounts),
	}
	var seen []string
	for i, n := range counts {
		if n > 0 {
			seen = append(seen, witnessNames[i])
		}
	}
	return seen
}

// certain tells whether the connection can serve as a counterexample.
func (cc *connectionCase) certain() bool { return len(cc.seenBy()) >= 2 }

// accepted tells whether it can serve as one for a claim about the sockets that
// the server accepted: a connection that still waits to be accepted has no
// socket that a process holds.
func (c *cases) accepted(cc *connectionCase) bool {
	s := &cc.Server
	held := len(inodes(s)) > 0 || len(s.Files) > 0 ||
		slices.ContainsFunc(s.Accounts, func(a evidence.Account) bool { return a.Event == evidence.SaidAccepted })
	return s.Host == c.lab.Server && cc.certain() && held
}
