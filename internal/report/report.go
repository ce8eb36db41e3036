// Package report renders what a run found: a verdict, and the evidence under
// it. It joins nothing, judges nothing and guesses nothing; whatever it shows
// was worked out by packages evidence and claim.
//
//	Text         the verdict for a terminal or a container's log
//	JSON         the verdict for programs, and for verdict.json
//	Connections  the joined table of connections
//	Datagrams    the joined table of datagrams
//	Sockets      socket rows as `netstat -tuan` prints them (net-tools 2.10)
//	Files        open sockets as `lsof -nP` prints them (lsof 4.95), and the
//	             other open files by descriptor, type and target
//	Packets      a capture as a plain list
//	Steps        what was done in the run, and what prompts answered
//	Account      what an agent told of its work, as a plain list
//	HTML         all of it on one page that needs nothing else: report.html
//	Results      a table of labs that were run together
//	Index        a page that links their pages
//
// Values go in and bytes come out, the same bytes every time; times are in UTC.
// Errors are those of the writer and, for HTML, of the template. The JSON is
// described by a JSON Schema, schema/verdict.schema.json.
//
// Names and payloads are evidence, and evidence may be hostile. What is not
// printable is written as an escape, so that a host's name moves no cursor and
// forges no line; the page is escaped by html/template as well, and its content
// security policy forbids scripts and all that is not on the page.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Text writes a run and the verdict on it for people: the lab's name and
// question, its steps and what they answered, the socket tables that its claims
// look at, the tables of connections and datagrams, each claim with its outcome
// and the reason, the explanation, and as the last line whether the lab came out
// as it expects. Lines are wrapped at 120 columns; only tables and rows may be
// wider. What a lab says is in the style's language, and so are the fixed words;
// reasons are in English, the language of tables and claims.
func Text(w io.Writer, run *evidence.Run, v claim.Verdict, style Style) error {
	var b strings.Builder
	fmt.Fprintln(&b, style.paint(bold, Printable(v.Lab)))
	if question := run.Lab.Question.In(style.Language); question != "" {
		fmt.Fprintln(&b, wrap(Printable(question), "", ""))
	}
	b.WriteString(ownSteps(run, style))
	b.WriteString(socketTables(run, style))
	if len(v.Connections) > 0 || len(v.Datagrams) == 0 {
		shown, more := first(mostJoined, v.Connections)
		fmt.Fprintf(&b, "\n%s", connectionsText(shown, style))
		if more > 0 {
			fmt.Fprintf(&b, style.say("and %d more: lab show connections RUN")+"\n", more)
		}
	}
	if len(v.Datagrams) > 0 {
		shown, more := first(mostJoined, v.Datagrams)
		fmt.Fprintf(&b, "\n%s", datagramsText(shown, style))
		if more > 0 {
			fmt.Fprintf(&b, style.say("and %d more: lab show datagrams RUN")+"\n", more)
		}
	}
	fmt.Fprintln(&b)
	for _, f := range v.Claims {
		fmt.Fprintln(&b, wrap(style.paint(bold, Printable(f.Claim))+": "+Printable(f.Text.In(style.Language)), "", "    "))
		fmt.Fprintln(&b, wrap(style.finding(f)+": "+Printable(f.Reason), "  ", "    "))
		if f.AsExpected {
			continue // the reason quotes a row, and the page has the others
		}
		rows, more := first(mostQuoted, unquoted(f))
		for _, r := range rows {
			fmt.Fprintf(&b, "    %s\n", r)
		}
		if more > 0 {
			fmt.Fprintf(&b, "    "+style.say("and %d more")+"\n", more)
		}
	}
	if explanation := run.Lab.Explanation.In(style.Language); explanation != "" {
		b.WriteString("\n")
		for line := range strings.Lines(explanation) {
			fmt.Fprintln(&b, wrap(Printable(strings.TrimSuffix(line, "\n")), "", ""))
		}
	}
	look := lookOf(v.Outcome)
	fmt.Fprintf(&b, "\n%s: %s\n", style.paint(look.color, Printable(style.say(string(v.Outcome)))), wrap(Printable(summary(v.Claims, style.Language)), "", "    "))
	_, err := io.WriteString(w, b.String())
	return err
}

// How much the text shows of what a run has.
const (
	mostQuoted       = 3  // rows below a claim
	mostNamed        = 5  // claims in the last line
	mostSteps        = 40 // steps
	mostJoined       = 50 // connections, and datagrams
	mostSocketTables = 6
	mostSocketRows   = 12 // rows of a socket table
)

// ownSteps are the steps that a lab names, without the time when they were
// done, and without the stops at the end. Those of a lab that names none are the
// same in all such labs.
func ownSteps(run *evidence.Run, style Style) string {
	if reflect.DeepEqual(run.Lab.Steps, topology.DefaultSteps(run.Lab.Hosts)) {
		return ""
	}
	steps := stepsOf(run, "", style.Language)
	for len(steps) > 0 && strings.HasPrefix(steps[len(steps)-1].What, string(topology.Stop)) {
		steps = steps[:len(steps)-1]
	}
	lines, more := first(mostSteps, steps)
	var rows []table.Row
	for _, l := range lines {
		rows = append(rows, table.Row{strconv.Itoa(l.Number), Printable(l.What), "", Printable(l.Answer)})
	}
	text := Table(nil, rows, 1)
	if more > 0 {
		text += fmt.Sprintf(style.say("and %d more")+"\n", more)
	}
	if text != "" {
		text = "\n" + text
	}
	return text
}

// socketTables are the socket tables that the lab's claims look at, as they were
// at the snapshots.
func socketTables(run *evidence.Run, style Style) string {
	var b strings.Builder
	views, more := first(mostSocketTables, socketViews(run, mostSocketRows))
	for _, view := range views {
		fmt.Fprintf(&b, "\n"+style.say("sockets of %s at %s:")+"\n", style.paint(bold, Printable(view.Host)), Printable(view.Snapshot))
		b.WriteString(cmp.Or(view.Sockets, "  "+style.say("none")+"\n"))
		if view.More > 0 {
			fmt.Fprintf(&b, style.say("and %d more")+"\n", view.More)
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "\n"+style.say("%d more socket tables: lab show sockets RUN --at SNAPSHOT")+"\n", more)
	}
	return b.String()
}

// rowText is a row of evidence with where it is: server.sockets.jsonl:12.
func rowText(r claim.Row) string {
	place := Printable(r.File)
	if r.Line > 0 {
		place += fmt.Sprintf(":%d", r.Line)
	}
	return place + ": " + Printable(strings.TrimSpace(r.Text))
}

// unquoted are the rows of a claim that its reason does not quote itself, each
// once.
func unquoted(f claim.Finding) (rows []string) {
	for _, r := range f.Rows {
		if text := rowText(r); !strings.Contains(Printable(f.Reason), text) && !slices.Contains(rows, text) {
			rows = append(rows, text)
		}
	}
	return rows
}

// expectedText is what a lab expects of a claim.
func expectedText(f claim.Finding, l topology.Language) string {
	expected := say(l, string(f.Expected))
	if f.Missing != "" {
		return fmt.Sprintf(say(l, "%s for want of %s"), expected, f.Missing)
	}
	return expected
}

// findingText is the outcome beside what was expected: "refuted, as expected".
func findingText(f claim.Finding, l topology.Language) string {
	outcome := say(l, string(f.Outcome))
	switch {
	case f.AsExpected && f.Outcome == claim.Holds, f.Expected == "":
		return outcome
	case f.AsExpected:
		return fmt.Sprintf(say(l, "%s, as expected"), outcome)
	}
	return fmt.Sprintf(say(l, "%s, but %s is expected"), outcome, expectedText(f, l))
}

// summary counts the claims: "7 claims (holds 5, refuted 2)", or says how many,
// and, if they are few, which came out otherwise than the lab expects.
func summary(findings []claim.Finding, l topology.Language) string {
	var counts []string
	for _, o := range []claim.Outcome{claim.Holds, claim.Refuted, claim.NotShown} {
		n := 0
		for _, f := range findings {
			if f.Outcome == o {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%s %d", say(l, string(o)), n))
		}
	}
	others := otherwise(findings)
	text := fmt.Sprintf(say(l, "%d claims"), len(findings))
	if len(others) > 0 {
		text = fmt.Sprintf(say(l, "%d of %s"), len(others), text)
	}
	if len(counts) > 0 {
		text += " (" + strings.Join(counts, ", ") + ")"
	}
	if len(others) > 0 && len(others) <= mostNamed {
		text += ": " + strings.Join(others, ", ")
	}
	return text
}

// otherwise are the claims that are not as the lab expects.
func otherwise(findings []claim.Finding) (names []string) {
	for _, f := range findings {
		if !f.AsExpected {
			names = append(names, f.Claim)
		}
	}
	return names
}

// JSON writes the verdict as one JSON object, indented, with a line feed at the
// end. Lists are never null, keys keep their order, and what is not printable is
// escaped.
func JSON(w io.Writer, v claim.Verdict) error {
	v.Claims = append([]claim.Finding{}, v.Claims...)
	for i := range v.Claims {
		v.Claims[i].Rows = append([]claim.Row{}, v.Claims[i].Rows...)
	}
	v.Connections = append([]claim.Connection{}, v.Connections...)
	v.Datagrams = append([]claim.Datagram{}, v.Datagrams...)
	var encoded, b strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return err
	}
	for _, r := range encoded.String() {
		if r == '\n' || strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
