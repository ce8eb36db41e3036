package claim

import (
	"fmt"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func messagePortsText(lab *topology.Lab) string {
	return fmt.Sprintf("each message of a client goes to port %d, and each reply comes from port %d", lab.Port, lab.Port)
}

// messagePorts looks at the segments with data in the captures of both sides.
// What the programs say of their messages must be what the captures have.
func messagePorts(c *cases) (Outcome, string) {
	messages, replies := 0, 0
	for i := range c.connections {
		cc := &c.connections[i]
		sent, answered := dataSegments(cc)
		if port := cc.Destination.Port(); sent+answered > 0 && cc.certain() && port != c.lab.Port {
			return Refuted, fmt.Sprintf("%s sent its messages to port %d, not %d", cc.name(true), port, c.lab.Port)
		}
		messages, replies = messages+sent, replies+answered
	}
	if gap := c.gap("client.packets", "client.program", "server.packets", "server.program"); gap != "" {
		return NotShown, gap
	}
	for i := range c.connections {
		cc := &c.connections[i]
		sent, answered := dataSegments(cc)
		if port := cc.Destination.Port(); port != c.lab.Port {
			return NotShown, fmt.Sprintf("%s is on port %d, not %d, and carried no message", cc.FourTuple, port, c.lab.Port)
		}
		if sent == 0 || answered == 0 {
			return NotShown, fmt.Sprintf("%s carried no message and reply", cc.FourTuple)
		}
	}
	return Holds, fmt.Sprintf("%s to port %d, %s from it",
		count(messages, "segment with data went", "segments with data went"), c.lab.Port, count(replies, "came", "came"))
}

// dataSegments counts the segments with data in either direction, in the
// client's capture.
func dataSegments(cc *connectionCase) (sent, answered int) {
	for _, p := range cc.Client.Packets {
		switch {
		case p.Length == 0:
		case p.Tuple() == cc.FourTuple:
			sent++
		case p.Tuple() == cc.Reverse():
			answered++
		}
	}
	return sent, answered
}
