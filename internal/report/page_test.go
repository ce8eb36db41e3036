package report

import (
	"io"
	"testing"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestHTML(t *testing.T) {
	for name, page := range pages() {
		golden(t, "page-"+name+".html", func(w io.Writer) error { return HTML(w, page) })
	}
}

func pages() map[string]Page {
	pages := map[string]Page{"busy": {busyRun(), claim.Verdict{Lab: "busy", Outcome: claim.NotShown}}}
	for name, sample := range map[string]func() (*evidence.Run, claim.Verdict){"holds": holds, "refuted": refuted} {
		run, v := sample()
		pages[name] = Page{run, v}
	}
	return pages
}
