package claim

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// The names of the witnesses of a connection, in the order in which they are
// always listed.
var witnessNames = [...]string{
	"client.packets", "client.sockets", "client.program",
	"server.packets", "server.sockets", "server.files", "server.program",
}

// Witnesses says for each witness of a connection whether it has whole
// evidence of it.
type Witnesses map[string]bool

// Names are the witnesses' names in their order.
func (Witnesses) Names() []string { return witnessNames[:] }

// MarshalJSON writes the witnesses in their order.
func (w Witnesses) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, name := range witnessNames {
		if i > 0 {
			text = append(text, ',')
		}
		value, err := json.Marshal(w[name])
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "%q:%s", name, value)
	}
	return append(text, '}'), nil
}

// testimony asks every witness for a connection: the reason why its evidence
// is not whole, or nothing.
func testimony(run *evidence.Run, c *evidence.Connection) map[string]string {
	client, server := run.Hosts[c.Client.Host], run.Hosts[c.Server.Host]
	return map[string]string{
		"client.packets": packets(client, &c.Client),
		"client.sockets": sockets(client, &c.Client),
		"client.program": program(client, &c.Client, evidence.SaidConnected),
		"server.packets": packets(server, &c.Server),
		"server.sockets": sockets(server, &c.Server),
		"server.files":   files(server, &c.Server),
		"server.program": program(server, &c.Server, evidence.SaidAccepted),
	}
}

// packets wants the whole connection: the handshake, and both directions
// without a hole.
func packets(h *evidence.Host, s *evidence.Side) string {
	if flaw := h.Flaw(evidence.Packets); flaw != "" {
		return flaw
	}
	if len(s.Packets) == 0 {
		return "its capture has no packet of the connection"
	}
	for _, end := range []netip.AddrPort{s.Local, s.Remote} {
		if gap := evidence.Reassemble(s.Packets, end).Gap; gap != "" {
			return "its capture is not whole: " + gap
		}
	}
	return ""
}

// sockets wants a row of the open connection that belongs to a process.
func sockets(h *evidence.Host, s *evidence.Side) string {
	if flaw := h.Flaw(evidence.Sockets); flaw != "" {
		return flaw
	}
	for _, row := range s.Sockets {
		if row.Inode != 0 {
			return ""
		}
	}
	if len(s.Sockets) > 0 {
		return "its socket table has the connection, but no process that holds it"
	}
	return "its socket table has no row of the connection"
}

func files(h *evidence.Host, s *evidence.Side) string {
	if flaw := h.Flaw(evidence.Files); flaw != "" {
		return flaw
	}
	if len(s.Files) == 0 {
		return "no open file of its program is the connection"
	}
	return ""
}

func program(h *evidence.Host, s *evidence.Side, event string) string {
	if flaw := h.Flaw(evidence.Program); flaw != "" {
		return flaw
	}
	for _, a := range s.Accounts {
		if a.Event == event {
			return ""
		}
	}
	return "its program does not say that it " + event
}
