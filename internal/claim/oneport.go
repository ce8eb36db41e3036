package claim

import (
	"fmt"
	"slices"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func onePortText(lab *topology.Lab) string {
	return fmt.Sprintf("every accepted socket's local port is %d, and so is the listening socket's", lab.Port)
}

// onePort looks at the accepted sockets of the server, whatever port they are
// on, and at its listening sockets.
func onePort(c *cases) (Outcome, string) {
	for i := range c.connections {
		cc := &c.connections[i]
		at := cc.AtServer()
		if c.accepted(cc) && at.Destination.Port() != c.lab.Port {
			return Refuted, fmt.Sprintf("the socket accepted from %s sits on port %d, not %d", at.Source, at.Destination.Port(), c.lab.Port)
		}
	}
	listening := c.listening()
	if len(listening.certain) > 0 && len(listening.seen[c.lab.Port]) == 0 {
		return Refuted, fmt.Sprintf("%s listens on port %d, not %d", c.lab.Server, listening.certain[0], c.lab.Port)
	}
	if gap := c.gap("server.packets", "server.sockets", "server.files", "server.program"); gap != "" {
		return NotShown, gap
	}
	for _, witness := range []string{"server.sockets", "server.files"} {
		if !slices.Contains(listening.seen[c.lab.Port], witness) {
			return NotShown, fmt.Sprintf("%s has no listening socket on port %d", witness, c.lab.Port)
		}
	}
	return Holds, fmt.Sprintf("the listening socket and %s, all on port %d", count(len(c.connections), "accepted socket", "accepted sockets"), c.lab.Port)
}

// listeners says which witnesses of the server saw it listen on which ports.
type listeners struct {
	seen map[uint16][]string
	// certain are the ports that two witnesses saw, in order.
	certain []uint16
}

func (c *cases) listening() listeners {
	l := listeners{seen: make(map[uint16][]string)}
	server := c.run.Hosts[c.lab.Server]
	if server == nil {
		return l
	}
	note := func(port uint16, witness string) {
		if !slices.Contains(l.seen[port], witness) {
			l.seen[port] = append(l.seen[port], witness)
		}
	}
	for _, s := range server.Sockets {
		if s.State == evidence.Listen && s.Inode != 0 {
			note(s.Local.Port(), "server.sockets")
		}
	}
	for _, f := range server.Files {
		if f.State == evidence.Listen {
			note(f.Local.Port(), "server.files")
		}
	}
	for _, a := range server.Accounts {
		if a.Event == evidence.SaidListening {
			note(a.Local.Port(), "server.program")
		}
	}
	for port, witnesses := range l.seen {
		if len(witnesses) >= 2 {
			l.certain = append(l.certain, port)
		}
	}
	slices.Sort(l.certain)
	return l
}
