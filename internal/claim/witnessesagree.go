package claim

import (
	"fmt"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func witnessesAgreeText(*topology.Lab) string {
	return "all witnesses agree on every connection"
}

// witnessesAgree is never refuted: witnesses that do not agree, or do not
// speak, show nothing.
func witnessesAgree(c *cases) (Outcome, string) {
	if gap := c.gap(witnessNames[:]...); gap != "" {
		return NotShown, gap
	}
	return Holds, fmt.Sprintf("%d witnesses on each of %s", len(witnessNames), count(len(c.connections), "connection", "connections"))
}
