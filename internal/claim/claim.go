// Package claim judges a lab's claims by the evidence of a run. It is pure: a
// run in, a verdict out.
package claim

import (
	"errors"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An Outcome is one of three: a statement about evidence has a third answer.
type Outcome string

// The outcomes.
const (
	Holds    Outcome = "holds"
	Refuted  Outcome = "refuted"
	NotShown Outcome = "not shown"
)

// A Verdict is what the judge says of a run.
type Verdict struct {
	Lab         string       `json:"lab"`
	Run         string       `json:"run"`
	Outcome     Outcome      `json:"verdict"`
	Claims      []Finding    `json:"claims"`
	Connections []Connection `json:"connections"`
}

// A Finding is the judge's word on one claim.
type Finding struct {
	Claim   string  `json:"claim"`
	Text    string  `json:"text"`
	Outcome Outcome `json:"verdict"`
	Reason  string  `json:"reason"`
}

// A Connection is a connection of the run as the verdict lists it.
type Connection struct {
	// Client and Server are the hosts; empty where no host of the lab has the
	// endpoint.
	Client string `json:"client"`
	Server string `json:"server"`
	// Source and destination are as the client's side has them, Translated as
	// the server's side has them, where a router translated addresses.
	evidence.FourTuple
	Translated *evidence.FourTuple `json:"translated,omitempty"`
	// Opening counts the openings of one four-tuple, from 1.
	Opening int              `json:"opening"`
	Outcome evidence.Outcome `json:"outcome"`
	// Path are the names of the routers, from client to server.
	Path      []string  `json:"path,omitempty"`
	Witnesses Witnesses `json:"witnesses"`
}

// Witnesses says for each witness of a connection whether it has whole
// evidence of it, by the names of evidence.ColumnNames. A witness that does not
// apply is absent.
type Witnesses map[string]bool

// Judge judges a run.
func Judge(run *evidence.Run) Verdict { return Verdict{Outcome: NotShown} }

// Check returns an error that names the first claim of a lab that nobody knows,
// and those there are.
func Check(lab *topology.Lab) error { return errors.ErrUnsupported }
