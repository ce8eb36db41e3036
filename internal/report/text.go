package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fourtuple/fourtuple/internal/claim"
)

// lineWidth is the most columns that wrapped text takes.
const lineWidth = 120

// Text writes the verdict for people: the lab's question if it has one, the
// table of connections, each claim with its outcome and the reason, and as the
// last line the lab's verdict. Lines are wrapped at 120 columns; only the table
// may be wider, where names or addresses are long.
func Text(w io.Writer, question string, v claim.Verdict, style Style) error {
	var b strings.Builder
	fmt.Fprintln(&b, style.paint(bold, printable(v.Lab)))
	if question != "" {
		fmt.Fprintln(&b, wrap(printable(question), ""))
	}
	fmt.Fprintf(&b, "\n%s\n", connectionsTable(v, style))
	if len(v.Claims) == 0 {
		fmt.Fprintln(&b, "the lab makes no claims")
	}
	for _, f := range v.Claims {
		writeFinding(&b, f, style)
	}
	fmt.Fprintf(&b, "\nverdict: %s\n", style.paint(outcomeColor(v.Outcome), string(v.Outcome)))
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFinding(b *strings.Builder, f claim.Finding, style Style) {
	fmt.Fprintln(b, wrap(style.paint(bold, printable(f.Claim))+": "+printable(f.Text), "    "))
	fmt.Fprintln(b, wrap("  "+style.outcome(f.Outcome)+": "+printable(f.Reason), "    "))
}

// wrap breaks a line between words where it would be too wide, and indents
// what it broke off.
func wrap(line, indent string) string {
	if text.StringWidthWithoutEscSequences(line) <= lineWidth {
		return line
	}
	broken := text.WrapSoft(line, lineWidth-len(indent))
	lines := strings.Split(broken, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
		if i > 0 {
			lines[i] = indent + strings.TrimLeft(lines[i], " ")
		}
	}
	return strings.Join(lines, "\n")
}
