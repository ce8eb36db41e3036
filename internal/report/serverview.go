package report

import (
	"slices"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// serverView is what the server's own witnesses saw when its connections stood.
type serverView struct {
	Name      string
	Port      uint16
	Doors     *figure
	Header    string // netstat's
	Sockets   []markedLine
	Files     []markedLine
	MoreRows  int // sockets left out
	MoreFiles int
}

// A markedLine is a tool's line with the port of the local endpoint marked.
type markedLine struct{ Before, Mark, After string }

func serverViewOf(p Page, joined []*evidence.Connection) serverView {
	view := serverView{Name: printable(p.Lab.Server), Port: p.Lab.Port, Header: netstatHeader}
	host := p.Run.Hosts[p.Lab.Server]
	if host == nil {
		return view
	}
	sockets := LastSnapshot(host.Sockets)
	files := slices.DeleteFunc(LastSnapshot(host.Files), func(f evidence.File) bool { return f.State == "" })
	view.Doors = doorsOf(p, joined, sockets, files)
	view.Sockets, view.MoreRows = markedSockets(sockets, p.Lab.Port)
	view.Files, view.MoreFiles = markedFiles(files, p.Lab.Port)
	return view
}

func markedSockets(rows []evidence.Socket, port uint16) (lines []markedLine, more int) {
	for _, row := range rows[:min(len(rows), mostRows)] {
		line := markedLine{Before: netstatLine(row)}
		if row.Local.Port() == port {
			// The local endpoint is the first of the line.
			line = markAfter(line.Before, netstatEndpoint(row.Local, row.Protocol))
		}
		lines = append(lines, line)
	}
	return lines, max(0, len(rows)-mostRows)
}

func markedFiles(rows []evidence.File, port uint16) (lines []markedLine, more int) {
	for i, text := range lsofLines(rows[:min(len(rows), mostRows)]) {
		line := markedLine{Before: text}
		if i > 0 && rows[i-1].Local.Port() == port {
			end, _, _ := strings.Cut(printable(rows[i-1].Name), "->")
			end, _, _ = strings.Cut(end, " ")
			line = markAfter(text, end)
		}
		lines = append(lines, line)
	}
	return lines, max(0, len(rows)-mostRows)
}

// markAfter marks the port of an endpoint within a line that has it.
func markAfter(line, endpoint string) markedLine {
	at := strings.Index(line, endpoint)
	colon := strings.LastIndex(endpoint, ":")
	if at < 0 || colon < 0 {
		return markedLine{Before: line}
	}
	from, to := at+colon, at+len(endpoint)
	return markedLine{Before: line[:from], Mark: line[from:to], After: line[to:]}
}
