package agent

import (
	"fmt"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// narrate puts an event of the program into words, for people who read along;
// a line that is no event is what it is.
func narrate(said evidence.Account) string {
	switch said.Event {
	case evidence.SaidListening:
		return fmt.Sprintf("waits for connections on %s", said.Local)
	case evidence.SaidAccepted:
		return fmt.Sprintf("Connected to: %s, on %s", said.Remote, said.Local)
	case evidence.SaidConnected:
		return fmt.Sprintf("connected to %s, from %s", said.Remote, said.Local)
	case evidence.SaidSent:
		return fmt.Sprintf("%s -> %s: sent %q", said.Local, said.Remote, said.Payload())
	case evidence.SaidReceived:
		return fmt.Sprintf("%s <- %s: received %q", said.Local, said.Remote, said.Payload())
	case evidence.SaidHolding:
		return fmt.Sprintf("%s -> %s: holds the connection open", said.Local, said.Remote)
	case evidence.SaidClosed:
		return fmt.Sprintf("%s -> %s: closed", said.Local, said.Remote)
	case evidence.SaidFailed:
		return "failed: " + said.Error
	case evidence.SaidStopped:
		return fmt.Sprintf("stopped, having served %d connections", said.Served)
	case evidence.SaidLine:
		return said.Text
	}
	return fmt.Sprintf("%s %s", said.Event, said.Text)
}
