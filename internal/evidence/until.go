package evidence

import (
	"slices"
	"time"
)

// Until is what a host's packets are until a time, of packets in their order; all
// of them for the zero time.
func Until(packets []Packet, at time.Time) []Packet {
	if n := len(packets); at.IsZero() || n == 0 || !packets[n-1].Time.After(at) {
		return packets
	}
	after := slices.IndexFunc(packets, func(p Packet) bool { return p.Time.After(at) })
	if after < 0 {
		return packets
	}
	return packets[:after:after]
}

// OutcomeUntil is the connection's outcome by the packets until a time, which
// may be another one on every host.
func (c *Connection) OutcomeUntil(at func(host string) time.Time) Outcome {
	then, cut := *c, false
	trim := func(packets []Packet, host string) []Packet {
		until := Until(packets, at(host))
		cut = cut || len(until) < len(packets)
		return until
	}
	then.Client.Packets = trim(c.Client.Packets, c.Client.Host)
	then.Server.Packets = trim(c.Server.Packets, c.Server.Host)
	then.Path = slices.Clone(c.Path)
	for i := range then.Path {
		then.Path[i].Packets = trim(then.Path[i].Packets, then.Path[i].Host)
	}
	if until := at(c.Client.Host); !until.IsZero() && c.refusedAt.After(until) {
		then.refusedAt, cut = time.Time{}, true
	}
	if !cut {
		return c.Outcome
	}
	return outcomeOf(&then)
}
