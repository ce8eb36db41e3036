package claim

import (
	"maps"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A claim is a statement that a lab can make about its connections.
type claim struct {
	// text says the claim in words, for this lab.
	text func(*topology.Lab) string
	// judge decides it. A reason is one sentence without a full stop.
	judge func(*cases) (Outcome, string)
}

// claims are all claims by name. To add one, write a file with its two
// functions and name it here.
var claims = map[string]claim{
	"one-port":         {onePortText, onePort},
	"distinct-sources": {distinctSourcesText, distinctSources},
	"message-ports":    {messagePortsText, messagePorts},
	"one-socket-each":  {oneSocketEachText, oneSocketEach},
	"witnesses-agree":  {witnessesAgreeText, witnessesAgree},
}

// known lists the claims' names.
func known() string {
	return strings.Join(slices.Sorted(maps.Keys(claims)), ", ")
}

// Claims are the names of all claims, in order.
func Claims() []string { return slices.Sorted(maps.Keys(claims)) }
