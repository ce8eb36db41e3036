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
// described by a JSON Schema, schema/verdict.schema.json.
//
// Names and payloads are evidence, and evidence may be hostile. What is not
// printable is written as an escape, so that a host's name moves no cursor and
// forges no line; the page is escaped by html/template as well, and its content
// security policy forbids scripts and all that is not on the page.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"

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
		fmt.Fprintln(&b, wrap(style.paint(bold, Printable(f.Claim))+": "+Printable(f.Text.EN), "", "    "))
		fmt.Fprintln(&b, wrap(style.outcome(f.Outcome)+": "+Printable(f.Reason), "  ", "    "))
	}
	fmt.Fprintf(&b, "\nverdict: %s\n", style.paint(lookOf(v.Outcome).color, Printable(string(v.Outcome))))
	_, err := io.WriteString(w, b.String())
	return err
}

// JSON writes the verdict as one JSON object, indented, with a line feed at the
// end. Lists are never null, keys keep their order, and what is not printable is
// escaped.
func JSON(w io.Writer, v claim.Verdict) error {
	v.Claims = append([]claim.Finding{}, v.Claims...)
	v.Connections = append([]claim.Connection{}, v.Connections...)
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
