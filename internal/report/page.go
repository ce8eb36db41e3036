package report

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Page is what report.html tells of: the evidence of a run, which must not be
// nil, and the verdict on it, in a language.
type Page struct {
	Run      *evidence.Run
	Verdict  claim.Verdict
	Language topology.Language
}

// How much of a large run a page shows.
const (
	mostDrawn         = 20  // hosts, subnets or sockets in a drawing
	mostServers       = 4   // hosts with a section of their own
	mostRows          = 200 // rows of a table
	mostTables        = 24  // socket tables that claims look at
	mostConversations = 24  // connections with their packets
	mostPackets       = 16  // packets of a connection
)

//go:embed page
var pageFiles embed.FS

// HTML writes the page: question and verdict, the claims with their reasons, a
// drawing of hosts and subnets, the connections, the servers' sockets, the
// packets of each connection, the evidence with its defects, and how to check
// all of it. It is one document without scripts that loads nothing, is readable
// on a phone and by a screen reader, and follows the reader's choice of light
// or dark. It is written by one call of Write.
//
// Labs and runs may be large where a page may not: of a lab with more than 20
// hosts there is a table and no drawing, and long lists end with the number of
// what was left out.
func HTML(w io.Writer, p Page) error { return writePage(w, p.Language, "page.html", viewOf(p)) }

// writePage writes a page of the embedded ones in a language, with its values.
func writePage(w io.Writer, l topology.Language, name string, values any) error {
	t, err := template.New("").Funcs(template.FuncMap{
		"look": lookOf, "finding": lookOfFinding, "rows": unquoted,
		"opening": openingText, "host": hostName, "witness": witnessClass, "lost": lost,
		"korean":  func() bool { return l == topology.Korean },
		"say":     func(english string) string { return say(l, english) },
		"outcome": func(f claim.Finding) string { return findingText(f, l) },
		"words":   func(t topology.Text) string { return t.In(l) },
		// other is the language of a text that is not there in the page's.
		"other": func(t topology.Text) topology.Language {
			switch {
			case t.EN == "" && t.KO != "" && l != topology.Korean:
				return topology.Korean
			case t.KO == "" && t.EN != "" && l == topology.Korean:
				return topology.English
			}
			return ""
		},
		"label": func(name string) string {
			side, of, _ := strings.Cut(name, ".")
			if l == topology.Korean {
				return say(l, side) + " " + say(l, of)
			}
			return side + "’s " + of
		},
	}).ParseFS(pageFiles, "page/*")
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := t.ExecuteTemplate(&page, name, values); err != nil {
		return err
	}
	lines := strings.Split(page.String(), "\n")
	for i, line := range lines {
		lines[i] = Printable(line)
	}
	_, err = io.WriteString(w, strings.Join(lines, "\n"))
	return err
}

// witnessClass is the class of a witness of a connection or datagram in the style
// sheet.
func witnessClass(witnesses claim.Witnesses, name string) string {
	switch whole, applies := witnesses[name]; {
	case !applies:
		return "none"
	case whole:
		return "whole"
	}
	return "lacking"
}

// A pageView is what the template prints, of values as they are, which the page
// escapes.
type pageView struct {
	Page
	When, Summary string
	Drawing       *drawing // nil of a large lab
	Roles         map[string]string

	Steps     []stepLine
	MoreSteps int

	Columns         columns
	ColumnNames     []string
	Connections     []claim.Connection
	MoreConnections int

	Datagrams         []claim.Datagram
	DatagramWitnesses []string
	MoreDatagrams     int

	Sockets     []socketView // but for those of the servers' sections
	MoreSockets int

	Servers           []serverView
	Conversations     []conversation
	MoreConversations int

	Orphans     []evidence.Orphan
	MoreOrphans int
}

func viewOf(p Page) pageView {
	view := pageView{
		Page: p, When: startOf(p.Run, p.Language), Summary: summary(p.Verdict.Claims, p.Language), Roles: rolesOf(p.Run),
		Columns: columnsOf(p.Verdict.Connections), ColumnNames: evidence.ColumnNames, DatagramWitnesses: datagramWitnesses,
	}
	if max(len(p.Run.Lab.Hosts), len(p.Run.Lab.Subnets)) <= mostDrawn {
		view.Drawing = drawingOf(p.Run, p.Language)
	}
	view.Steps, view.MoreSteps = first(mostRows, stepsOf(p.Run, "", p.Language))
	view.Connections, view.MoreConnections = first(mostRows, p.Verdict.Connections)
	view.Datagrams, view.MoreDatagrams = first(mostRows, p.Verdict.Datagrams)
	view.Orphans, view.MoreOrphans = first(mostRows, p.Run.Orphans)
	view.Servers = serverViews(p.Run)
	sockets := slices.DeleteFunc(socketViews(p.Run, mostRows), func(s socketView) bool {
		snapshots := p.Run.Hosts[s.Host].Snapshots
		isLast := snapshots[s.Snapshot] == slices.Max(slices.Collect(maps.Values(snapshots)))
		return isLast && slices.ContainsFunc(view.Servers, func(server serverView) bool { return server.Name == s.Host })
	})
	view.Sockets, view.MoreSockets = first(mostTables, sockets)
	shown, more := first(mostConversations, p.Run.Connections)
	view.MoreConversations = more
	for i := range shown {
		view.Conversations = append(view.Conversations, conversationOf(&shown[i]))
	}
	return view
}

// first are at most n of the rows, and how many are left out.
func first[R any](n int, rows []R) (shown []R, more int) {
	shown = rows[:min(n, len(rows))]
	return shown, len(rows) - len(shown)
}

// startOf is the time of the first thing that a host told.
func startOf(run *evidence.Run, l topology.Language) string {
	var times []time.Time
	for _, h := range run.Hosts {
		for _, e := range h.Events {
			times = append(times, e.Time)
		}
	}
	if len(times) == 0 {
		return ""
	}
	layout := "2 January 2006, 15:04:05 UTC"
	if l == topology.Korean {
		layout = "2006년 1월 2일 15:04:05 UTC"
	}
	return slices.MinFunc(times, time.Time.Compare).UTC().Format(layout)
}
