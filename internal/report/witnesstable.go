package report

import (
	"strconv"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A witnessRow is what one host wrote down.
type witnessRow struct {
	Host  string
	Cells []witnessCell
}

// A witnessCell is how many records a witness has, and what is wrong with them.
type witnessCell struct{ Name, Count, Flaw string }

func witnessRows(run *evidence.Run) []witnessRow {
	var rows []witnessRow
	for _, name := range run.Names() {
		h := run.Hosts[name]
		row := witnessRow{Host: printable(name)}
		cell := func(name string, w evidence.Witness, n int) {
			row.Cells = append(row.Cells, witnessCell{name, strconv.Itoa(n), printable(h.Flaw(w))})
		}
		cell("host agent", evidence.Agent, len(h.Events))
		cell("packets", evidence.Packets, len(h.Packets))
		cell("sockets", evidence.Sockets, len(h.Sockets))
		cell("files", evidence.Files, len(h.Files))
		cell("program", evidence.Program, len(h.Accounts))
		cell("conntrack", evidence.Conntracked, len(h.Translations))
		rows = append(rows, row)
	}
	return rows
}
