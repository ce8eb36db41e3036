package report

import (
	"io"
	"slices"
	"strconv"
	"strings"

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
	var rows [][]string
	incomplete := false
	for _, c := range v.Connections {
		rows = append(rows, columns.row(c, style))
		if columns.Translated {
			rows = append(rows, columns.serverRow(c))
		}
		for _, whole := range c.Witnesses {
			incomplete = incomplete || !whole
		}
	}
	// The rule is of hyphens, since box-drawing characters are two columns wide
	// for East Asian terminals.
	lines := slices.Collect(strings.Lines(Table(columns.header(), rows)))
	rule := strings.Repeat("-", text.LongestLineLen(strings.Join(lines, ""))) + "\n"
	table := strings.Join(slices.Insert(lines, 2, rule), "")
	if incomplete {
		table += style.whole(false) + ": this witness has no whole evidence of the connection\n"
	}
	return table
}

// columns says which columns the connections of one verdict need beside the
// client, the endpoints and the witnesses.
type columns struct {
	Server     bool // not all of them came to one server
	Translated bool
	Opening    bool // a four-tuple was opened twice
	Outcome    bool // not all of them were opened
}

func columnsOf(v claim.Verdict) columns {
	var needed columns
	for _, c := range v.Connections {
		needed.Server = needed.Server || c.Server == "" || c.Server != v.Connections[0].Server
		needed.Translated = needed.Translated || c.Translated != nil
		needed.Opening = needed.Opening || c.Opening > 1
		needed.Outcome = needed.Outcome || c.Outcome != evidence.Opened
	}
	return needed
}

// header names the witnesses in two lines: client.packets is client above
// packets. A blank at the end of a title keeps groups of columns apart.
func (needed columns) header() []string {
	header := []string{"\nclient "}
	if needed.Translated {
		header = []string{"\nseen at "}
	} else if needed.Server {
		header = append(header, "\nserver ")
	}
	header = append(header, "\nsource ", "\ndestination ")
	if needed.Opening {
		header = append(header, "\nopening ")
	}
	if needed.Outcome {
		header = append(header, "\noutcome ")
	}
	before := "client"
	for _, name := range evidence.ColumnNames {
		side, witness, _ := strings.Cut(name, ".")
		if side != before {
			header[len(header)-1] += " "
			before = side
		}
		header = append(header, side+"\n"+witness)
	}
	return header
}

func (needed columns) row(c claim.Connection, style Style) []string {
	row := []string{hostName(c.Client)}
	if needed.Translated && c.Client == "" {
		row = []string{"client"}
	}
	if needed.Server && !needed.Translated {
		row = append(row, hostName(c.Server))
	}
	row = append(row, c.Source.String(), c.Destination.String())
	if needed.Opening {
		row = append(row, strconv.Itoa(c.Opening))
	}
	if needed.Outcome {
		row = append(row, Printable(string(c.Outcome)))
	}
	for _, name := range evidence.ColumnNames {
		cell := ""
		if whole, applies := c.Witnesses[name]; applies {
			cell = style.whole(whole)
		}
		if name == routerColumn {
			cell = strings.TrimSpace(cell + " " + Printable(strings.Join(c.Path, ", ")))
		}
		row = append(row, cell)
	}
	return row
}

// routerColumn is the column that the path's routers stand in.
const routerColumn = "router.packets"

// serverRow is what the server's side has of the connection.
func (needed columns) serverRow(c claim.Connection) []string {
	name, at := Printable(c.Server), c.FourTuple
	if name == "" {
		name = "server"
	}
	if c.Translated != nil {
		at = *c.Translated
	}
	return []string{name, at.Source.String(), at.Destination.String()}
}
