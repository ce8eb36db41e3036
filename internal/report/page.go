package report

import (
	"bytes"
	"embed"
	"html/template"
	"io"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Page is what report.html tells of: a lab, the evidence of a run of it, and
// the verdict on that. None of them may be nil.
type Page struct {
	Lab     *topology.Lab
	Run     *evidence.Run
	Verdict claim.Verdict
}

//go:embed page
var pageFiles embed.FS

// HTML writes the page: question and verdict, a drawing of hosts and subnets,
// the connections, the claims, the server's sockets, the packets of each
// connection, the evidence, and how to check all of it. It is one document
// without scripts that loads nothing, is readable on a phone and by a screen
// reader, and follows the reader's choice of light or dark.
//
// Labs and runs may be large where a page may not: above 20 hosts a table takes
// the drawing's place, and long lists end with the number of what was left out.
func HTML(w io.Writer, p Page) error {
	t, err := template.ParseFS(pageFiles, "page/*")
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := t.ExecuteTemplate(&page, "page.html", viewOf(p)); err != nil {
		return err
	}
	_, err = w.Write(page.Bytes())
	return err
}
