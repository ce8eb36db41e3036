// Package claim judges a lab's claims by the evidence of a run. It is pure: a
// run in, a verdict out.
//
// A claim holds when the whole table is there, every witness that the claim
// needs has whole evidence of every connection to the lab's server, and all of
// that evidence says so. The claims about ports, sources and sockets need the
// kernel's evidence only: captures, socket tables, open files; what programs say
// of themselves counts for witnesses-agree, where they say anything.
//
// A claim is refuted by a counterexample that at least two witnesses of
// different kinds or hosts have whole and that none contradicts. In every other
// case it is not shown, and the reason names the witness that is missing, cut
// short or at odds with the others: not observed is neither false nor true.
//
// The lab's verdict is refuted if one claim is. It holds only if all claims
// hold, there is at least one, and nothing at all is wrong with the run's
// evidence. Else it is not shown.
package claim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
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

// MarshalJSON writes the witnesses in the order of evidence.ColumnNames.
func (w Witnesses) MarshalJSON() ([]byte, error) {
	text, comma := []byte{'{'}, ""
	for _, name := range evidence.ColumnNames {
		if whole, applies := w[name]; applies {
			text = fmt.Appendf(text, "%s%q:%t", comma, name, whole)
			comma = ","
		}
	}
	return append(text, '}'), nil
}

// A kind is a statement that a lab can make about its connections: in words, with
// the lab's port in the place of PORT, and what decides it. A reason is one
// sentence without a full stop.
type kind struct {
	text  string
	judge func(*judge) (Outcome, string)
}

// kinds are all claims by name.
var kinds = map[string]kind{
	"one-port":         {"every accepted socket's local port is PORT, and so is the listening socket's", onePort},
	"distinct-sources": {"the server sees each client under a source address, and on a subnet, of its own", distinctSources},
	"message-ports":    {"each message of a client goes to port PORT, and each reply comes from port PORT", messagePorts},
	"one-socket-each":  {"all four-tuples differ, and each belongs to exactly one socket and one open file of the server", oneSocketEach},
	"witnesses-agree":  {"all witnesses agree on every connection", witnessesAgree},
}

// Judge judges a run by the claims of its lab. A claim that nobody knows is not
// shown.
func Judge(run *evidence.Run) Verdict {
	j := newJudge(run)
	v := Verdict{Lab: j.lab.Name, Run: run.ID, Outcome: NotShown, Claims: []Finding{}, Connections: j.rows()}
	for _, name := range j.lab.Claims {
		f := Finding{Claim: name, Outcome: NotShown, Reason: "nobody knows such a claim"}
		if k, ok := kinds[name]; ok {
			f.Text = strings.ReplaceAll(k.text, "PORT", fmt.Sprint(j.lab.Port))
			f.Outcome, f.Reason = k.judge(j)
		}
		v.Claims = append(v.Claims, f)
	}
	is := func(o Outcome) func(Finding) bool { return func(f Finding) bool { return f.Outcome == o } }
	switch {
	case slices.ContainsFunc(v.Claims, is(Refuted)):
		v.Outcome = Refuted
	case len(v.Claims) > 0 && !slices.ContainsFunc(v.Claims, is(NotShown)) && j.flaw == "" && !slices.ContainsFunc(j.all, contradicted):
		v.Outcome = Holds
	}
	return v
}

// contradicted tells whether witnesses of a connection contradict each other.
func contradicted(c *evidence.Connection) bool { return len(c.Conflicts) > 0 }

// Names are the names of all claims, in order.
func Names() []string { return slices.Sorted(maps.Keys(kinds)) }

// rows are all connections of the run as the verdict lists them, those of the
// lab's clients first.
func (j *judge) rows() []Connection {
	rows := []Connection{}
	for _, c := range j.all {
		row := Connection{
			Client: c.Client.Host, Server: c.Server.Host, FourTuple: c.FourTuple,
			Opening: c.Opening, Outcome: c.Outcome, Witnesses: make(Witnesses),
		}
		if c.Translated() {
			at := c.AtServer()
			row.Translated = &at
		}
		for _, hop := range c.Path {
			row.Path = append(row.Path, hop.Host)
		}
		for name, why := range c.Lacks {
			row.Witnesses[name] = why == ""
		}
		rows = append(rows, row)
	}
	return rows
}

// count says how many of a thing there are: "1 connection", "3 connections".
func count(n int, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %s", n, plural)
}
