package report

import (
	"errors"
	"io"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A Page is what report.html tells of: the evidence of a run, and the verdict
// on it. The run must not be nil.
type Page struct {
	Run     *evidence.Run
	Verdict claim.Verdict
}

// HTML writes the page.
func HTML(w io.Writer, p Page) error { return errors.ErrUnsupported }
