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
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Text writes the verdict for people: the lab's name, its question if it has
// one, the tables of connections and datagrams, each claim with its outcome, the
// reason and the rows that this rests on, and as the last line whether the lab
// came out as it expects. Lines are wrapped at 120 columns; only tables and rows
// may be wider.
func Text(w io.Writer, question topology.Text, v claim.Verdict, style Style) error {
	var b strings.Builder
	fmt.Fprintln(&b, style.paint(bold, Printable(v.Lab)))
	if question := Words(question); question != "" {
		fmt.Fprintln(&b, wrap(Printable(question), "", ""))
	}
	if len(v.Connections) > 0 || len(v.Datagrams) == 0 {
		fmt.Fprintf(&b, "\n%s", connectionsText(v.Connections, style))
	}
	if len(v.Datagrams) > 0 {
		fmt.Fprintf(&b, "\n%s", datagramsText(v.Datagrams, style))
	}
	fmt.Fprintln(&b)
	for _, f := range v.Claims {
		fmt.Fprintln(&b, wrap(style.paint(bold, Printable(f.Claim))+": "+Printable(Words(f.Text)), "", "    "))
		fmt.Fprintln(&b, wrap(style.finding(f)+": "+Printable(f.Reason), "  ", "    "))
		rows, more := first(mostQuoted, unquoted(f))
		for _, r := range rows {
			fmt.Fprintf(&b, "    %s\n", r)
		}
		if more > 0 {
			fmt.Fprintf(&b, "    and %d more\n", more)
		}
	}
	look := lookOf(v.Outcome)
	fmt.Fprintf(&b, "\n%s: %s\n", style.paint(look.color, Printable(string(v.Outcome))), wrap(Printable(summary(v.Claims)), "", "    "))
	_, err := io.WriteString(w, b.String())
	return err
}

// Words are a text in English, or in Korean where there is no other.
func Words(t topology.Text) string { return cmp.Or(t.EN, t.KO) }

// mostQuoted is how many rows are quoted below a claim, mostNamed how many claims
// are named in the last line.
const (
	mostQuoted = 3
	mostNamed  = 5
)

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
func expectedText(f claim.Finding) string {
	if f.Missing != "" {
		return fmt.Sprintf("%s for want of %s", f.Expected, f.Missing)
	}
	return string(f.Expected)
}

// findingText is the outcome beside what was expected: "refuted, as expected".
func findingText(f claim.Finding) string {
	switch {
	case f.AsExpected && f.Outcome == claim.Holds:
		return string(f.Outcome)
	case f.AsExpected:
		return string(f.Outcome) + ", as expected"
	case f.Expected == "":
		return string(f.Outcome)
	}
	return fmt.Sprintf("%s, but %s is expected", f.Outcome, expectedText(f))
}

// summary counts the claims: "7 claims (holds 5, refuted 2)", or says how many,
// and, if they are few, which came out otherwise than the lab expects.
func summary(findings []claim.Finding) string {
	var counts, others []string
	for _, o := range []claim.Outcome{claim.Holds, claim.Refuted, claim.NotShown} {
		n := 0
		for _, f := range findings {
			if f.Outcome == o {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, fmt.Sprintf("%s %d", o, n))
		}
	}
	for _, f := range findings {
		if !f.AsExpected {
			others = append(others, f.Claim)
		}
	}
	text := fmt.Sprintf("%d claims", len(findings))
	if len(others) > 0 {
		text = fmt.Sprintf("%d of %s", len(others), text)
	}
	if len(counts) > 0 {
		text += " (" + strings.Join(counts, ", ") + ")"
	}
	if len(others) > 0 && len(others) <= mostNamed {
		text += ": " + strings.Join(others, ", ")
	}
	return text
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
