package report

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var lsofHeader = table.Row{"COMMAND", "PID", "USER", "FD  ", "TYPE", "DEVICE", "SIZE/OFF", "NODE", "NAME"}

// Files writes open files in the order given, below the heading, if there is
// one. TCP and UDP sockets are as `lsof -nP` of lsof 4.95 prints them: columns
// as wide as their widest value, numbers and most words flush right, the
// command cut to 9 characters. Of the other files there are the descriptor, its
// type, and as the name the target of its link; DEVICE, SIZE/OFF and NODE stay
// empty.
func Files(w io.Writer, heading string, rows []evidence.File) error {
	return write(w, heading, filesText(rows))
}

// filesText is empty without rows: lsof prints no header then, either.
func filesText(rows []evidence.File) string {
	cells := make([]table.Row, len(rows))
	for i, row := range rows {
		cells[i] = lsofCells(row)
	}
	return Table(lsofHeader, cells, 2, 3, 4, 5, 6, 7, 8)
}

func lsofCells(row evidence.File) table.Row {
	command := strings.ReplaceAll(Printable(row.Command), " ", `\x20`)
	cells := table.Row{
		fmt.Sprintf("%.9s", command), strconv.Itoa(row.PID), Printable(row.User),
		// The access letter is followed by the letter of a lock.
		fmt.Sprintf("%4d%-2s", row.FD, Printable(row.Access)), Printable(row.Type),
		"", "", "", Printable(row.Target),
	}
	if !row.Local.IsValid() {
		return cells
	}
	protocol := strings.ToUpper(strings.TrimSuffix(row.Protocol, "6"))
	name := lsofEndpoint(row.Local)
	if row.Remote.Port() != 0 {
		name += "->" + lsofEndpoint(row.Remote)
	}
	if protocol == "TCP" && row.State != "" { // UDP has no states
		name += " (" + Printable(row.State) + ")"
	}
	cells[5], cells[6], cells[7], cells[8] = strconv.FormatUint(row.Inode, 10), "0t0", Printable(protocol), name
	return cells
}

// lsofEndpoint writes * for an unspecified address, and for port 0.
func lsofEndpoint(e netip.AddrPort) string {
	port := "*"
	if e.Port() != 0 {
		port = strconv.Itoa(int(e.Port()))
	}
	if e.Addr().IsUnspecified() {
		return "*:" + port
	}
	address := e.Addr().Unmap().WithZone("").String()
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return address + ":" + port
}
