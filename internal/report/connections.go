package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Connections writes the joined table: a row for each connection with its
// four-tuple and a column for each witness, empty where the witness does not
// apply. The router's column names the routers that the connection crossed.
// Where a router translated, each connection has several rows: the first as the
// client's side has it, one for each translation on the way, behind the router
// that made it, and the last as the server's side has it. With a host, there are
// only connections of that host.
func Connections(w io.Writer, v claim.Verdict, host string, style Style) error {
	connections := slices.DeleteFunc(slices.Clone(v.Connections), func(c claim.Connection) bool {
		return host != "" && c.Client != host && c.Server != host
	})
	_, err := io.WriteString(w, connectionsText(connections, style))
	return err
}

func connectionsText(connections []claim.Connection, style Style) string {
	if len(connections) == 0 {
		return style.say("no connections") + "\n"
	}
	columns := columnsOf(connections)
	var rows []table.Row
	incomplete := false
	for _, c := range connections {
		rows = append(rows, columns.row(c, style))
		if columns.Translated {
			rows = append(rows, seenRows(c.Path, c.Server, c.FourTuple, c.Translated, style)...)
		}
		incomplete = incomplete || !allWhole(c.Witnesses)
	}
	return joinedTable(columns.header(style), rows, incomplete, "connection", style)
}

func allWhole(witnesses claim.Witnesses) bool {
	for _, whole := range witnesses {
		if !whole {
			return false
		}
	}
	return true
}

// joinedTable is a joined table with a rule below its header of two lines. The
// rule is of hyphens, since box-drawing characters are two columns wide for East
// Asian terminals.
func joinedTable(header table.Row, rows []table.Row, incomplete bool, of string, style Style, right ...int) string {
	joined := Table(header, rows, right...)
	lines := strings.SplitAfterN(joined, "\n", 3)
	joined = lines[0] + lines[1] + strings.Repeat("-", text.LongestLineLen(joined)) + "\n" + lines[2]
	if incomplete {
		joined += fmt.Sprintf(style.say("%s: this witness has no whole evidence of the "+of)+"\n", style.whole(false))
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

func columnsOf(connections []claim.Connection) columns {
	var needed columns
	for _, c := range connections {
		needed.Server = needed.Server || c.Server == "" || c.Server != connections[0].Server
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

// header is that of the columns. Columns without a title keep groups of columns apart.
func (needed columns) header(style Style) table.Row {
	header := table.Row{"\n" + style.say("client"), ""}
	if needed.Translated {
		header = table.Row{"\n" + style.say("seen at"), ""}
	} else if needed.Server {
		header = append(header, "\n"+style.say("server"), "")
	}
	header = append(header, "\n"+style.say("source"), "", "\n"+style.say("destination"))
	if needed.Opening {
		header = append(header, "", "\n"+style.say("opening"))
	}
	for _, name := range evidence.ColumnNames {
		if beginsGroup(name) {
			header = append(header, "")
		}
		header = append(header, style.witness(name))
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
		row = append(row, style.mark(name, c.Witnesses, c.Path))
	}
	return row
}

// mark is the cell of a witness: its mark, if it applies, and of the routers
// their names.
func (s Style) mark(name string, witnesses claim.Witnesses, path []claim.Hop) string {
	cell := ""
	if whole, applies := witnesses[name]; applies {
		cell = s.whole(whole)
	}
	if name != "router.packets" {
		return cell
	}
	var routers []string
	for _, hop := range path {
		routers = append(routers, Printable(hop.Host))
	}
	return strings.TrimSpace(cell + " " + strings.Join(routers, ", "))
}

// beginsGroup tells whether a column is the first of its host's witnesses.
func beginsGroup(name string) bool { return strings.HasSuffix(name, ".packets") }

// witness is a witness's name in two lines: client.packets is client above
// packets. In Korean, whose words are wide, the side stands above the first of
// its witnesses only.
func (s Style) witness(name string) string {
	side, of, _ := strings.Cut(name, ".")
	if s.Language == topology.Korean && !beginsGroup(name) {
		return "\n" + s.say(of)
	}
	return s.say(side) + "\n" + s.say(of)
}

// seenRows are what was seen of a connection or datagram behind each router that
// translated it, and at its end.
func seenRows(path []claim.Hop, last string, tuple evidence.FourTuple, translated *evidence.FourTuple, style Style) (rows []table.Row) {
	if translated == nil {
		translated = &tuple
	}
	for _, hop := range path {
		if hop.Translated != nil && *hop.Translated != *translated {
			rows = append(rows, table.Row{fmt.Sprintf(style.say("behind %s"), hostName(hop.Host)), "", endpoint(hop.Translated.Source), "", endpoint(hop.Translated.Destination)})
		}
	}
	return append(rows, table.Row{hostName(last), "", endpoint(translated.Source), "", endpoint(translated.Destination)})
}
