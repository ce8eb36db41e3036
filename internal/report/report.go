// Package report renders what a run found: a verdict, and the evidence under
// it. It joins nothing, judges nothing and guesses nothing; whatever it shows
// was worked out by packages evidence and claim.
//
//	Text         the verdict for a terminal or a container's log
//	JSON         the verdict for programs, and for verdict.json
//	Connections  the joined table of connections
//	Sockets      socket rows as `netstat -tuan` prints them (net-tools 2.10)
//	Files        open sockets as `lsof -nP` prints them (lsof 4.95), and the
//	             other open files by descriptor, type and target
//	Packets      a capture as a plain list
//	Steps        what the agents told of their work, as a plain list
//	HTML         all of it on one page that needs nothing else: report.html
//
// Values go in and bytes come out, the same bytes every time; times are in UTC.
// Errors are those of the writer and, for HTML, of the template. The JSON is
// described by a JSON Schema (draft 2020-12), schema/verdict.schema.json.
//
// Names and payloads are evidence, and evidence may be hostile. In text, what
// is not printable is written as an escape by Printable, so that a host's name
// moves no cursor and forges no line. On the page html/template escapes
// everything, Printable what is left, and a content security policy forbids
// scripts and all that is not on the page.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/fourtuple/fourtuple/internal/claim"
)

// Text writes the verdict for people: the lab's name, its question if it has
// one, the table of connections, each claim with its outcome and the reason,
// and as the last line the verdict. Lines are wrapped at 120 columns; only the
// table may be wider, where names or addresses are long.
func Text(w io.Writer, question string, v claim.Verdict, style Style) error {
	var b strings.Builder
	fmt.Fprintln(&b, style.paint(bold, Printable(v.Lab)))
	if question != "" {
		fmt.Fprintln(&b, wrap(Printable(question), "", ""))
	}
	fmt.Fprintf(&b, "\n%s\n", connectionsText(v, style))
	if len(v.Claims) == 0 {
		fmt.Fprintln(&b, "the lab makes no claims")
	}
	for _, f := range v.Claims {
		fmt.Fprintln(&b, wrap(style.paint(bold, Printable(f.Claim))+": "+Printable(f.Text), "", "    "))
		fmt.Fprintln(&b, wrap(style.outcome(f.Outcome)+": "+Printable(f.Reason), "  ", "    "))
	}
	fmt.Fprintf(&b, "\nverdict: %s\n", style.paint(lookOf(v.Outcome).color, Printable(string(v.Outcome))))
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes the verdict as one JSON object, indented, with a line feed at the
// end. Lists are never null, and keys keep their order.
func JSON(w io.Writer, v claim.Verdict) error {
	if v.Claims == nil {
		v.Claims = []claim.Finding{}
	}
	if v.Connections == nil {
		v.Connections = []claim.Connection{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
