package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/fourtuple/fourtuple/internal/claim"
)

// datagramWitnesses are the witnesses of a datagram, in the order of their
// columns.
var datagramWitnesses = []string{"sender.packets", "router.packets", "receiver.packets"}

// Datagrams writes the joined table of datagrams, as Connections that of
// connections.
func Datagrams(w io.Writer, v claim.Verdict, host string, style Style) error {
	datagrams := slices.DeleteFunc(slices.Clone(v.Datagrams), func(d claim.Datagram) bool {
		return host != "" && d.Sender != host && d.Receiver != host
	})
	_, err := io.WriteString(w, datagramsText(datagrams, style))
	return err
}

// lost tells whether a datagram is known not to have come to its receiver.
func lost(d claim.Datagram) bool { return d.Delivered != nil && !*d.Delivered }

func datagramsText(datagrams []claim.Datagram, style Style) string {
	if len(datagrams) == 0 {
		return style.say("no datagrams") + "\n"
	}
	incomplete := false
	var rows []table.Row
	for _, d := range datagrams {
		words := ""
		if d.Text != "" {
			words = quoted(d.Text)
		}
		row := table.Row{hostName(d.Sender), "", endpoint(d.Source), "", endpoint(d.Destination), "", hostName(d.Receiver), strconv.Itoa(d.Length), words}
		for _, name := range datagramWitnesses {
			row = append(row, style.mark(name, d.Witnesses, d.Path))
		}
		if lost(d) {
			row[len(row)-1] = fmt.Sprint(row[len(row)-1], " ", style.say("lost"))
		}
		rows = append(rows, row)
		if d.Translated != nil {
			rows = append(rows, seenRows(d.Path, d.Receiver, d.FourTuple, d.Translated, style)...)
		}
		incomplete = incomplete || !allWhole(d.Witnesses)
	}
	var header table.Row
	for _, name := range []string{"sender", "", "source", "", "destination", "", "receiver", "bytes", "text"} {
		header = append(header, "\n"+style.say(name))
	}
	for _, name := range datagramWitnesses {
		header = append(header, style.witness(name))
	}
	return joinedTable(header, rows, incomplete, "datagram", style, 8)
}
