package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// How much of a large run the page shows.
const (
	mostDrawn         = 20  // hosts in the drawing
	mostDoors         = 12  // sockets in the drawing of the port
	mostRows          = 200 // lines of netstat or lsof, rows of connections
	mostConversations = 24  // connections with their packets
	mostPackets       = 16  // packets of a connection
)

// pageView is what the template prints: texts that are safe to print, and
// figures with all their coordinates.
type pageView struct {
	Name, Question, When string
	Outcome              outcomeView
	Summary              string
	Drawing              *figure
	Hosts                []hostRow
	ConnectionRows       connectionTable
	Claims               []claimView
	Server               serverView
	Conversations        []conversationView
	MoreConversations    int
	Witnesses            []witnessRow
	LabHash              string
	Example              string // a host with a capture, for the commands
}

// outcomeView is an outcome with its mark and its class in the style sheet.
type outcomeView struct{ Word, Mark, Class string }

func outcomeOf(o claim.Outcome) outcomeView {
	class := "unshown"
	switch o {
	case claim.Holds:
		class = "holds"
	case claim.Refuted:
		class = "refuted"
	}
	return outcomeView{Word: printable(string(o)), Mark: outcomeMark(o), Class: class}
}

type claimView struct {
	Name, Text, Reason string
	Outcome            outcomeView
}

type hostRow struct {
	Name, Role string
	Links      []string
}

func viewOf(p Page) pageView {
	joined := joinedTo(p)
	view := pageView{
		Name: printable(p.Verdict.Lab), Question: printable(p.Lab.Question), When: when(p.Run),
		Outcome: outcomeOf(p.Verdict.Outcome), Summary: summary(p.Verdict.Claims),
		Hosts: hostRows(p.Lab), ConnectionRows: connectionTableOf(p.Verdict),
		Server: serverViewOf(p, joined), Witnesses: witnessRows(p.Run),
		LabHash: evidence.LabHash(p.Run.Lab), Example: printable(example(p.Lab)),
	}
	if len(p.Lab.Hosts) <= mostDrawn {
		view.Drawing = draw(p.Lab, p.Verdict)
	}
	for _, f := range p.Verdict.Claims {
		view.Claims = append(view.Claims, claimView{printable(f.Claim), printable(f.Text), printable(f.Reason), outcomeOf(f.Outcome)})
	}
	view.Conversations, view.MoreConversations = conversationsOf(p.Verdict, joined)
	return view
}

// joinedTo finds the evidence of each of the verdict's connections; nil where
// there is none.
func joinedTo(p Page) []*evidence.Connection {
	byTuple := make(map[evidence.FourTuple]*evidence.Connection)
	all := evidence.Join(p.Run, p.Lab.Owners())
	for i := range all {
		byTuple[all[i].FourTuple] = &all[i]
	}
	joined := make([]*evidence.Connection, len(p.Verdict.Connections))
	for i, c := range p.Verdict.Connections {
		joined[i] = byTuple[c.FourTuple]
	}
	return joined
}

// summary counts the claims: "All 5 claims hold." or "1 claim is refuted, 1 is
// not shown, 3 hold."
func summary(findings []claim.Finding) string {
	count := make(map[claim.Outcome]int)
	for _, f := range findings {
		count[f.Outcome]++
	}
	switch n := len(findings); {
	case n == 0:
		return "The lab makes no claims."
	case n == 1:
		return "Its one claim " + verb(count) + "."
	case count[claim.Holds] == n:
		return fmt.Sprintf("All %d claims hold.", n)
	}
	var parts []string
	for _, o := range []claim.Outcome{claim.Refuted, claim.NotShown, claim.Holds} {
		if count[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[o], counted(o, count[o])))
		}
	}
	return fmt.Sprintf("Of %d claims, %s.", len(findings), strings.Join(parts, ", "))
}

func verb(count map[claim.Outcome]int) string {
	for _, o := range []claim.Outcome{claim.Holds, claim.Refuted} {
		if count[o] > 0 {
			return counted(o, 1)
		}
	}
	return counted(claim.NotShown, 1)
}

func counted(o claim.Outcome, n int) string {
	word := string(o)
	switch {
	case o == claim.Holds && n == 1:
		return word
	case o == claim.Holds:
		return "hold"
	case n == 1:
		return "is " + word
	}
	return "are " + word
}

// when is the time of the first thing that a host told.
func when(run *evidence.Run) string {
	var first time.Time
	for _, h := range run.Hosts {
		for _, e := range h.Events {
			if first.IsZero() || e.Time.Before(first) {
				first = e.Time
			}
		}
	}
	if first.IsZero() {
		return ""
	}
	return first.UTC().Format("2 January 2006, 15:04:05 UTC")
}

func hostRows(lab *topology.Lab) []hostRow {
	rows := make([]hostRow, 0, len(lab.Hosts))
	for i := range lab.Hosts {
		h := &lab.Hosts[i]
		row := hostRow{Name: printable(h.Name), Role: roleOf(lab, h)}
		for _, l := range h.Links {
			row.Links = append(row.Links, fmt.Sprintf("%s on %s", l.Address.Addr(), printable(l.Subnet)))
		}
		rows = append(rows, row)
	}
	return rows
}

// roleOf says what a host does in the lab.
func roleOf(lab *topology.Lab, h *topology.Host) string {
	var roles []string
	if h.Name == lab.Server {
		roles = append(roles, "server")
	}
	for _, client := range lab.Clients {
		if h.Name == client {
			roles = append(roles, "client")
		}
	}
	if h.Forwards {
		roles = append(roles, "router")
	}
	for _, subnet := range h.Masquerade {
		roles = append(roles, "translates to "+printable(subnet))
	}
	return strings.Join(roles, ", ")
}

// example is the first client, or the server where there are no clients.
func example(lab *topology.Lab) string {
	if len(lab.Clients) > 0 {
		return lab.Clients[0]
	}
	return lab.Server
}
