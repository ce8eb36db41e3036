package report

import (
	"strings"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

// connectionTable is the page's table of connections.
type connectionTable struct {
	// ShowServer and Translated say which columns there are.
	ShowServer, Translated bool
	ClientWitnesses        []string
	ServerWitnesses        []string
	Rows                   []connectionRow
	More                   int
}

type connectionRow struct {
	Client, Server string
	Ends           endsView
	// AtServer is what the server has, nil where nothing was translated.
	AtServer *endsView
	Marks    []witnessMark
}

type endsView struct{ Source, Destination string }

type witnessMark struct {
	Side, Name string
	Whole      bool
}

func connectionTableOf(v claim.Verdict) connectionTable {
	c := columnsOf(v)
	table := connectionTable{ShowServer: c.server, Translated: c.translated}
	for _, name := range (claim.Witnesses{}).Names() {
		if side, witness := part(name); side == "client" {
			table.ClientWitnesses = append(table.ClientWitnesses, witness)
		} else {
			table.ServerWitnesses = append(table.ServerWitnesses, witness)
		}
	}
	shown := v.Connections[:min(len(v.Connections), mostRows)]
	table.More = len(v.Connections) - len(shown)
	for _, connection := range shown {
		row := connectionRow{Client: hostName(connection.Client), Server: hostName(connection.Server), Ends: endsOf(connection.FourTuple)}
		if connection.Translated != nil {
			at := endsOf(*connection.Translated)
			row.AtServer = &at
		}
		for _, name := range connection.Witnesses.Names() {
			side, witness := part(name)
			row.Marks = append(row.Marks, witnessMark{side, witness, connection.Witnesses[name]})
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// part parts client.packets into client and packets.
func part(name string) (side, witness string) {
	side, witness, _ = strings.Cut(name, ".")
	return side, witness
}

func endsOf(t evidence.FourTuple) endsView {
	return endsView{t.Source.String(), t.Destination.String()}
}
