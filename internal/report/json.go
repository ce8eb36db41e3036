package report

import (
	"encoding/json"
	"io"

	"github.com/fourtuple/fourtuple/internal/claim"
)

// JSON writes the verdict as one JSON object, indented, with a line feed at the
// end:
//
//	{"lab": …, "verdict": "holds|refuted|not shown",
//	 "claims": [{"claim": …, "text": …, "verdict": …, "reason": …}],
//	 "connections": [{"client": …, "server": …, "source": …, "destination": …,
//	   "translated": {"source": …, "destination": …}, "witnesses": {…: true}}]}
//
// Lists are never null, translated is there only where a router translated, and
// the witnesses keep their order.
func JSON(w io.Writer, v claim.Verdict) error {
	if v.Claims == nil {
		v.Claims = []claim.Finding{}
	}
	if v.Connections == nil {
		v.Connections = []claim.Connection{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
