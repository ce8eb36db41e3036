package report

import "github.com/fourtuple/fourtuple/internal/claim"

// A Style says what text may consist of. The zero Style is Unicode without
// colours, right for a container's log; whoever writes to a terminal decides by
// isatty(3) and NO_COLOR (https://no-color.org).
type Style struct {
	// Color allows ANSI colours; nothing is said by colour alone.
	Color bool
	// ASCII replaces ✓ and ✗ by yes and no.
	ASCII bool
}

// The colours of ECMA-48's SGR sequence that Style uses.
const (
	plain  = ""
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s Style) paint(color, text string) string {
	if !s.Color || color == plain {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// seen is a witness's mark. Evidence that is missing is not a no to anything,
// hence yellow, not red.
func (s Style) seen(whole bool) string {
	mark, color := "✗", yellow
	if whole {
		mark, color = "✓", green
	}
	if s.ASCII {
		mark = yesNo(whole)
	}
	return s.paint(color, mark)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// outcome is the outcome's word behind its mark.
func (s Style) outcome(o claim.Outcome) string {
	if s.ASCII {
		return s.paint(outcomeColor(o), string(o))
	}
	return s.paint(outcomeColor(o), outcomeMark(o)+" "+string(o))
}

func outcomeMark(o claim.Outcome) string {
	switch o {
	case claim.Holds:
		return "✓"
	case claim.Refuted:
		return "✗"
	}
	return "?"
}

func outcomeColor(o claim.Outcome) string {
	switch o {
	case claim.Holds:
		return green
	case claim.Refuted:
		return red
	}
	return yellow
}
