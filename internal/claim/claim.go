// Package claim is the language of claims, and what judges them by the evidence
// of a run. It is pure: a run in, a verdict out.
//
// # The language
//
// A claim is keys and values. One of its keys is a quantifier, which says of
// which rows of which table (package table) the claim is true; the others choose
// rows, say what is to be true of one row in CEL, and what outcome is expected. A
// claim without a quantifier is the macro of its name: macros.yaml has them, in
// the language itself. Check says what is wrong with claims before a run, Keys
// lists what there is. A new quantifier is one file, named in keys.go.
//
// # Verdicts
//
// A claim holds, is refuted, or is not shown: what is not observed is neither
// true nor false. A row counts as certain if a quorum of witnesses has whole
// evidence of it, and none contradicts it. To refute, that is enough. To hold,
// moreover no witness that could have told otherwise may be missing or cut short,
// and where the claim is about all rows the table must be whole. Everything else
// is not shown, and the reason names the witness; what went wrong in the run
// itself comes before that. Nothing at all is shown by a run that has records
// which nothing explains.
//
// Beside a lab's own claims, witnesses-agree is judged in every lab.
package claim

import (
	"fmt"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An Outcome is one of three: a statement about evidence has a third answer.
type Outcome string

// The outcomes of a claim.
const (
	Holds    Outcome = "holds"
	Refuted  Outcome = "refuted"
	NotShown Outcome = "not shown"
)

// The outcomes of a lab: every claim came out as the lab expects; one came out
// the other way; else, one that should have been shown is not.
const (
	AsExpected    Outcome = "as expected"
	NotAsExpected Outcome = "not as expected"
	// A lab's third outcome is NotShown.
)

// A Verdict is what the judge says of a run.
type Verdict struct {
	Lab string `json:"lab"`
	Run string `json:"run"`
	// Outcome is the lab's: AsExpected, NotAsExpected or NotShown.
	Outcome    Outcome   `json:"outcome"`
	AsExpected bool      `json:"asExpected"`
	Claims     []Finding `json:"claims"`
	// Connections and Datagrams are all of the run.
	Connections []Connection `json:"connections"`
	Datagrams   []Datagram   `json:"datagrams"`
	Versions    Versions     `json:"versions"`
}

// A Finding is the judge's word on one claim.
type Finding struct {
	Claim string `json:"claim"`
	// Key is the key that quantifies, every, some and so on, or the macro's name.
	Key string `json:"key"`
	// Text is what the lab says, or is made from the keys.
	Text topology.Text `json:"text"`
	// Expected is the outcome that the lab expects; of NotShown, Missing is the
	// witness whose absence is expected.
	Expected Outcome `json:"expected"`
	Missing  string  `json:"missing,omitempty"`
	Outcome  Outcome `json:"verdict"`
	// AsExpected says that the outcome, and where it is NotShown the reason, is
	// the one expected.
	AsExpected bool `json:"asExpected"`
	// Reason is one sentence without a full stop.
	Reason string `json:"reason"`
	// Rows are what the outcome rests on.
	Rows []Row `json:"rows"`
}

// A Row is a row of evidence that a reason rests on.
type Row struct {
	// File and Line are where it is in the run folder; of a capture, Line is the
	// number of the packet.
	File string `json:"file"`
	Line int    `json:"line"`
	// Text is the row as netstat, lsof or a list of packets has it.
	Text string `json:"text"`
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
	// Path are the routers, from client to server.
	Path      []Hop     `json:"path,omitempty"`
	Witnesses Witnesses `json:"witnesses"`
}

// A Hop is a router on the way of a connection or of a datagram.
type Hop struct {
	Host string `json:"host"`
	// Translated is the four-tuple as it left the router, where that is another
	// one than came to it.
	Translated *evidence.FourTuple `json:"translated,omitempty"`
}

// A Datagram is a UDP datagram of the run as the verdict lists it.
type Datagram struct {
	Sender   string `json:"sender"`
	Receiver string `json:"receiver"`
	evidence.FourTuple
	Translated *evidence.FourTuple `json:"translated,omitempty"`
	Occurrence int                 `json:"occurrence"`
	Length     int                 `json:"length"`
	Text       string              `json:"text,omitempty"`
	// Delivered is whether it came to the receiver, by the receiver's capture;
	// nil where that does not tell.
	Delivered *bool     `json:"delivered,omitempty"`
	Path      []Hop     `json:"path,omitempty"`
	Witnesses Witnesses `json:"witnesses"`
}

// Versions are what a run was made by.
type Versions struct {
	Fourtuple string `json:"fourtuple"`
	Engine    string `json:"engine"`
	// Kernel is that of the hosts.
	Kernel string `json:"kernel"`
}

// Witnesses says for each witness of a connection or datagram whether it has
// whole evidence of it, by the names of evidence.ColumnNames. A witness that
// does not apply is absent.
type Witnesses map[string]bool

// MarshalJSON writes the witnesses in the order of evidence.ColumnNames.
func (w Witnesses) MarshalJSON() ([]byte, error) {
	text, comma := []byte{'{'}, ""
	for _, name := range witnessNames {
		if whole, applies := w[name]; applies {
			text = fmt.Appendf(text, "%s%q:%t", comma, name, whole)
			comma = ","
		}
	}
	return append(text, '}'), nil
}

// Judge judges a run by the claims of its lab, and then by witnesses-agree.
func Judge(run *evidence.Run) Verdict {
	j := &judge{run: run, lab: run.Lab, tables: table.Open(run)}
	j.flaw = j.findFlaw()
	v := Verdict{
		Lab: j.lab.Name, Run: run.ID, Claims: []Finding{},
		Connections: j.connections(), Datagrams: j.datagrams(), Versions: j.versions(),
	}
	var missing []string
	for _, c := range j.lab.Claims {
		f := j.claim(c)
		if f.Missing != "" {
			missing = append(missing, f.Missing)
		}
		v.Claims = append(v.Claims, f)
	}
	v.Claims = append(v.Claims, j.agree(missing))
	v.Outcome = outcomeOf(v.Claims)
	v.AsExpected = v.Outcome == AsExpected
	return v
}
