package report

import (
	"io"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Connections writes the joined table: a row for each connection with its
// four-tuple and a column for each witness. Where a router translated, a
// connection has two rows, the second as the server's side has it.
func Connections(w io.Writer, v claim.Verdict, style Style) error {
	_, err := io.WriteString(w, connectionsTable(v, style))
	return err
}

func connectionsTable(v claim.Verdict, style Style) string {
	if len(v.Connections) == 0 {
		return "no connections\n"
	}
	c := columnsOf(v)
	t := table.NewWriter()
	t.SetStyle(logStyle())
	t.SuppressTrailingSpaces()
	t.AppendHeader(c.header())
	for _, connection := range v.Connections {
		for _, row := range c.rows(connection, style) {
			t.AppendRow(row)
		}
	}
	return t.Render() + "\n" + legend(v, style)
}

// logStyle is a table without borders: a log puts the name of the container
// before each line, and a line has 120 columns. Its rule is of hyphens, since
// box-drawing characters are two columns wide for East Asian terminals.
func logStyle() table.Style {
	box := table.StyleBoxDefault
	box.PaddingLeft, box.PaddingRight = "", "  "
	box.MiddleSeparator = "-"
	return table.Style{
		Name:    "log",
		Box:     box,
		Options: table.Options{SeparateHeader: true},
		Format:  table.FormatOptions{Header: text.FormatDefault, Row: text.FormatDefault},
	}
}

// columns says which columns the connections of one verdict need.
type columns struct {
	server     bool // not all of them came to one server
	translated bool
}

func columnsOf(v claim.Verdict) columns {
	var c columns
	for _, connection := range v.Connections {
		c.server = c.server || connection.Server == "" || connection.Server != v.Connections[0].Server
		c.translated = c.translated || connection.Translated != nil
	}
	return c
}

// header names the witnesses in two lines: client.packets is client above
// packets.
func (c columns) header() table.Row {
	row := table.Row{"\nclient"}
	if c.server {
		row = append(row, "\nserver")
	}
	if c.translated {
		row = append(row, "\nseen at")
	}
	row = append(row, "\nsource", "\ndestination")
	for _, name := range (claim.Witnesses{}).Names() {
		row = append(row, strings.Replace(name, ".", "\n", 1))
	}
	return row
}

func (c columns) rows(connection claim.Connection, style Style) []table.Row {
	first := c.ends(connection.Client, connection.Server, connection.Client, "client", connection.FourTuple)
	for _, name := range connection.Witnesses.Names() {
		first = append(first, style.seen(connection.Witnesses[name]))
	}
	if !c.translated {
		return []table.Row{first}
	}
	at := connection.FourTuple
	if connection.Translated != nil {
		at = *connection.Translated
	}
	return []table.Row{first, c.ends(" ", " ", connection.Server, "server", at)}
}

func (c columns) ends(client, server, seenAt, side string, t evidence.FourTuple) table.Row {
	row := table.Row{hostName(client)}
	if c.server {
		row = append(row, hostName(server))
	}
	if c.translated {
		if seenAt == "" {
			seenAt = side
		}
		row = append(row, hostName(seenAt))
	}
	return append(row, t.Source.String(), t.Destination.String())
}

// hostName is a host's name, or a hyphen for an endpoint that no host of the
// lab has.
func hostName(name string) string {
	if name == "" {
		return "-"
	}
	return printable(name)
}

func legend(v claim.Verdict, style Style) string {
	missing := slices.ContainsFunc(v.Connections, func(c claim.Connection) bool {
		return slices.ContainsFunc(c.Witnesses.Names(), func(name string) bool { return !c.Witnesses[name] })
	})
	if !missing {
		return ""
	}
	return style.seen(false) + ": this witness has no whole evidence of the connection\n"
}
