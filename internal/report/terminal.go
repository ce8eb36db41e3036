package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fourtuple/fourtuple/internal/claim"
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
}

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
	switch {
	case whole && s.ASCII:
		return s.paint(green, "yes")
	case whole:
		return s.paint(green, "✓")
	case s.ASCII:
		return s.paint(yellow, "no")
	}
	return s.paint(yellow, "✗")
}

// outcome is the outcome's word behind its mark.
func (s Style) outcome(o claim.Outcome) string {
	word := Printable(string(o))
	if !s.ASCII {
		word = markOf(o) + " " + word
	}
	return s.paint(colorOf(o), word)
}

func markOf(o claim.Outcome) string {
	switch o {
	case claim.Holds:
		return "✓"
	case claim.Refuted:
		return "✗"
	}
	return "?"
}

func colorOf(o claim.Outcome) string {
	switch o {
	case claim.Holds:
		return green
	case claim.Refuted:
		return red
	}
	return yellow
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

// Table aligns the cells of rows below those of a header, by the columns that
// they take on a terminal: two for a Hangul syllable, none for a colour. The
// columns that right names, counted from 1, are flush right. There are no
// borders and no rules.
func Table(header []string, rows [][]string, right ...int) string {
	t := table.NewWriter()
	t.SetStyle(table.Style{
		Box:    table.BoxStyle{PaddingRight: " "},
		Format: table.FormatOptions{HeaderAlign: text.AlignDefault, RowAlign: text.AlignDefault},
	})
	t.SuppressTrailingSpaces()
	var configs []table.ColumnConfig
	for _, column := range right {
		configs = append(configs, table.ColumnConfig{Number: column, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(configs)
	if len(header) > 0 {
		t.AppendHeader(rowOf(header))
	}
	for _, row := range rows {
		t.AppendRow(rowOf(row))
	}
	return t.Render() + "\n"
}

func rowOf(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = cell
	}
	return row
}

// wrap breaks a line between words where it would be too wide, and indents
// what it broke off.
func wrap(line, indent string) string {
	if text.StringWidthWithoutEscSequences(line) <= lineWidth {
		return line
	}
	lines := strings.Split(text.WrapSoft(line, lineWidth-len(indent)), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
		if i > 0 {
			lines[i] = indent + strings.TrimLeft(lines[i], " ")
		}
	}
	return strings.Join(lines, "\n")
}
