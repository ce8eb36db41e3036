package report

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// lineWidth is the most columns that wrapped text takes.
const lineWidth = 120

// A Style says what text may consist of. The zero Style is Unicode without
// colours, right for a container's log; whoever writes to a terminal decides by
// isatty(3) and NO_COLOR (https://no-color.org).
type Style struct {
	// Color allows ANSI colours; nothing is said by colour alone.
	Color bool
	// ASCII replaces ✓ and ✗ by yes and no.
	ASCII bool
	// Language is that of what a lab says, and of the fixed words.
	Language topology.Language
}

func (s Style) say(english string) string { return say(s.Language, english) }

// The colours of ECMA-48's SGR sequence that Style uses.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s Style) paint(color, text string) string {
	if !s.Color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// whole is the mark of a witness. Evidence that is missing is not a no to
// anything, hence yellow, not red.
func (s Style) whole(whole bool) string {
	mark, word, color := "✗", s.say("no"), yellow
	if whole {
		mark, word, color = "✓", s.say("yes"), green
	}
	if s.ASCII {
		mark = word
	}
	return s.paint(color, mark)
}

// finding is the outcome of a claim behind its mark, in the colour of whether it
// was expected.
func (s Style) finding(f claim.Finding) string {
	word := Printable(findingText(f, s.Language))
	if !s.ASCII {
		word = lookOf(f.Outcome).Mark + " " + word
	}
	return s.paint(lookOfFinding(f).color, word)
}

// A look is how an outcome is shown: its mark, its colour in text, and its
// class in the page's style sheet.
type look struct{ Mark, color, Class string }

// lookOf is the look of an outcome of a claim, or of a lab.
func lookOf(o claim.Outcome) look {
	switch o {
	case claim.Holds, claim.AsExpected:
		return look{"✓", green, "holds"}
	case claim.Refuted, claim.NotAsExpected:
		return look{"✗", red, "refuted"}
	}
	return look{"?", yellow, "not-shown"}
}

// lookOfFinding is that of an outcome, in green where it is the expected one; a
// belief that holds and should not is red.
func lookOfFinding(f claim.Finding) look {
	look := lookOf(f.Outcome)
	switch {
	case f.AsExpected:
		look.color, look.Class = green, "holds"
	case f.Outcome == claim.Holds:
		look.color, look.Class = red, "refuted"
	}
	return look
}

// Printable writes text so that it stays on its line and moves no cursor:
// control characters, bytes that are no UTF-8, and invisible characters, among
// them those that turn the direction of writing, become escapes as in Go: \n,
// \x1b, \xff, \u202e.
func Printable(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		text = text[size:]
	}
	return b.String()
}

// hostName is a host's name, or a hyphen for an endpoint that no host of the
// lab has.
func hostName(name string) string {
	if name == "" {
		return "-"
	}
	return Printable(name)
}

// endpoint is ADDRESS:PORT; a zone may be any text.
func endpoint(e netip.AddrPort) string { return Printable(e.String()) }

// Table aligns the cells of rows below those of a header, by the columns that
// they take on a terminal: two for a Hangul syllable, none for a colour. The
// columns that right names, counted from 1, are flush right. There are no
// borders and no rules, and without rows there is no table.
func Table(header table.Row, rows []table.Row, right ...int) string {
	if len(rows) == 0 {
		return ""
	}
	t := table.NewWriter()
	t.SetStyle(table.Style{Box: table.BoxStyle{PaddingRight: " "}})
	t.SuppressTrailingSpaces()
	var configs []table.ColumnConfig
	for _, column := range right {
		configs = append(configs, table.ColumnConfig{Number: column, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(header)
	t.AppendRows(rows)
	return t.Render() + "\n"
}

// wrap breaks text between words into lines of at most lineWidth columns, the
// first of which begins with one indent and the others with another. The
// library's wrapping colours what comes after a coloured word, too.
func wrap(words, first, others string) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(words) {
		width := text.StringWidthWithoutEscSequences(word)
		switch {
		case b.Len() == 0:
			b.WriteString(first)
			column = len(first)
		case column+1+width > lineWidth:
			b.WriteString("\n" + others)
			column = len(others)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += width
	}
	return b.String()
}

// write writes a view below the line "HEADING:", if there is a heading.
func write(w io.Writer, heading, view string) error {
	if heading != "" {
		heading = Printable(heading) + ":\n"
	}
	_, err := io.WriteString(w, heading+view)
	return err
}
