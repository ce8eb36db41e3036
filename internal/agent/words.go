package agent

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// inWords puts an event of the program into words, for people who read along. A
// line that is no event is what it is, without control characters.
func inWords(e evidence.ProgramEvent) string {
	text := fmt.Sprintf("%s %s %s", e.Event, e.Payload(), e.Error)
	switch e.Event {
	case evidence.EventListening:
		text = fmt.Sprintf("waits for connections on %s", e.Local)
	case evidence.EventAccepted:
		text = fmt.Sprintf("Connected to: %s, on %s", e.Remote, e.Local)
	case evidence.EventConnected:
		text = fmt.Sprintf("connected to %s, from %s", e.Remote, e.Local)
	case evidence.EventSent:
		text = fmt.Sprintf("%s -> %s: sent %q", e.Local, e.Remote, e.Payload())
	case evidence.EventReceived:
		text = fmt.Sprintf("%s <- %s: received %q", e.Local, e.Remote, e.Payload())
	case evidence.EventHolding:
		text = fmt.Sprintf("%s -> %s: holds the connection open", e.Local, e.Remote)
	case evidence.EventClosed:
		text = fmt.Sprintf("%s -> %s: closed", e.Local, e.Remote)
	case evidence.EventFailed:
		text = "failed: " + e.Error
	case evidence.EventStopped:
		text = fmt.Sprintf("stopped, having served %d connections", e.Served)
	case evidence.EventLine:
		text = string(e.Payload()) + e.Error
	}
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.TrimRight(text, " "))
}
