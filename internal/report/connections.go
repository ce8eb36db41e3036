package report

import (
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Connections writes the joined table: a row for each connection with its
// four-tuple and a column for each witness, empty where the witness does not
// apply. The router's column names the routers that the connection crossed.
// Where a router translated, each connection has two rows, the first as the
// client's side has it and the second as the server's side has it.
func Connections(w io.Writer, v claim.Verdict, style Style) error {
	_, err := io.WriteString(w, connectionsText(v, style))
	return err
}

func connectionsText(v claim.Verdict, style Style) string {
	if len(v.Connections) == 0 {
		return "no connections\n"
	}
	columns := columnsOf(v)
	var rows []table.Row
	incomplete := false
	for _, c := range v.Connections {
		rows = append(rows, columns.row(c, style))
		if columns.Translated {
			rows = append(rows, serverRow(c))
		}
		for _, whole := range c.Witnesses {
			incomplete = incomplete || !whole
		}
	}
	// The rule is of hyphens, since box-drawing characters are two columns wide
	// for East Asian terminals.
	joined := Table(columns.header(), rows)
	lines := strings.SplitAfterN(joined, "\n", 3)
	joined = lines[0] + lines[1] + strings.Repeat("-", text.LongestLineLen(joined)) + "\n" + lines[2]
	if incomplete {
		joined += style.whole(false) + ": this witness has no whole evidence of the connection\n"
	}
	return joined
}

// columns says which columns the connections of one verdict need beside the
// client, the endpoints and the witnesses.
type columns struct {
	Server     bool // not all of them came to one server
	Translated bool
	Opening    bool // a four-tuple was opened twice, or an opening failed
}

func columnsOf(v claim.Verdict) columns {
	var needed columns
	for _, c := range v.Connections {
		needed.Server = needed.Server || c.Server == "" || c.Server != v.Connections[0].Server
		needed.Translated = needed.Translated || c.Translated != nil
		needed.Opening = needed.Opening || openingText(c.Opening, c.Outcome) != ""
	}
	return needed
}

// openingText says which opening of a four-tuple this is, if not the first, and
// what became of it, if it was not opened: "2, refused".
func openingText(opening int, outcome evidence.Outcome) string {
	var parts []string
	if opening > 1 {
		parts = append(parts, strconv.Itoa(opening))
	}
	if outcome != evidence.Opened {
		parts = append(parts, string(outcome))
	}
	return strings.Join(parts, ", ")
}

// header names the witnesses in two lines: client.packets is client above
// packets. Columns without a title keep groups of columns apart.
func (needed columns) header() table.Row {
	header := table.Row{"\nclient", ""}
	if needed.Translated {
		header = table.Row{"\nseen at", ""}
	} else if needed.Server {
		header = append(header, "\nserver", "")
	}
	header = append(header, "\nsource", "", "\ndestination")
	if needed.Opening {
		header = append(header, "", "\nopening")
	}
	for _, name := range evidence.ColumnNames {
		if beginsGroup(name) {
			header = append(header, "")
		}
		header = append(header, strings.Replace(name, ".", "\n", 1))
	}
	return header
}

func (needed columns) row(c claim.Connection, style Style) table.Row {
	row := table.Row{hostName(c.Client), ""}
	if needed.Server && !needed.Translated {
		row = append(row, hostName(c.Server), "")
	}
	row = append(row, endpoint(c.Source), "", endpoint(c.Destination))
	if needed.Opening {
		row = append(row, "", Printable(openingText(c.Opening, c.Outcome)))
	}
	for _, name := range evidence.ColumnNames {
		if beginsGroup(name) {
			row = append(row, "")
		}
		cell := ""
		if whole, applies := c.Witnesses[name]; applies {
			cell = style.whole(whole)
		}
		if name == "router.packets" {
			cell = strings.TrimSpace(cell + " " + pathText(c.Path))
		}
		row = append(row, cell)
	}
	return row
}

// pathText names the routers of a path.
func pathText(path []claim.Hop) string {
	var names []string
	for _, hop := range path {
		names = append(names, Printable(hop.Host))
	}
	return strings.Join(names, ", ")
}

// beginsGroup tells whether a column is the first of its host's witnesses.
func beginsGroup(name string) bool { return strings.HasSuffix(name, ".packets") }

// serverRow is what the server's side has of the connection.
func serverRow(c claim.Connection) table.Row {
	at := c.FourTuple
	if c.Translated != nil {
		at = *c.Translated
	}
	return table.Row{hostName(c.Server), "", endpoint(at.Source), "", endpoint(at.Destination)}
}
