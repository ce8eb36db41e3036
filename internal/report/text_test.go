package report

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestText(t *testing.T) {
	_, whole := holds()
	_, translated := refuted()
	_, korean := holds()
	korean.Connections[1].Client = "카페손님"
	_, odd := holds()
	odd.Connections[0].Outcome, odd.Connections[1].Opening = evidence.Refused, 2
	odd.Connections[1].Path = []string{"inner", "outer"}
	odd.Connections[2].Server, odd.Connections[2].Path, odd.Connections[2].Witnesses = "", nil, claim.Witnesses{"server.packets": true}
	_, hostile := refuted()
	hostile.Lab, hostile.Outcome = "x\nverdict: holds", "\x1b[2J"
	hostile.Claims[0] = claim.Finding{Claim: "\x1b[1m", Text: "\u202eabc", Outcome: "a\nb", Reason: "\xff\r"}
	hostile.Connections[0].Client, hostile.Connections[0].Server, hostile.Connections[0].Outcome = "a\nb", "\x1b[2J", "\t"
	hostile.Connections[0].Path = []string{"\u2066"}
	for _, test := range []struct {
		name     string
		question string
		verdict  claim.Verdict
		style    Style
	}{
		{"holds", question, whole, Style{}},
		{"translated", "", translated, Style{}},
		{"translated-color-ascii", "", translated, Style{Color: true, ASCII: true}},
		{"korean", strings.Repeat("서버가 새로 만드는 소켓들은 새 포트를 받을까, 아니면 모두 포트 12000에 머무를까? ", 2), korean, Style{Color: true}},
		{"odd", question, odd, Style{}},
		{"hostile", "\x1b[2J\n", hostile, Style{}},
		{"wide", strings.Repeat("긴 질문 ", 60), whole, Style{Color: true}},
		{"empty", "", claim.Verdict{Lab: "empty", Outcome: claim.NotShown}, Style{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			golden(t, "text-"+test.name+".txt", func(w io.Writer) error {
				return Text(w, test.question, test.verdict, test.style)
			})
			var b strings.Builder
			require.NoError(t, Text(&b, test.question, test.verdict, test.style))
			if test.name != "odd" && test.name != "hostile" {
				require.LessOrEqual(t, text.LongestLineLen(b.String()), 120)
			}
		})
	}
	golden(t, "connections.txt", func(w io.Writer) error { return Connections(w, whole, Style{}) })
}

func TestRenderersReturnTheWritersError(t *testing.T) {
	full := errors.New("no space left on device")
	w := writerFunc(func([]byte) (int, error) { return 0, full })
	run, v := holds()
	for name, render := range map[string]func() error{
		"text":        func() error { return Text(w, "", v, Style{}) },
		"json":        func() error { return JSON(w, v) },
		"connections": func() error { return Connections(w, v, Style{}) },
		"sockets":     func() error { return Sockets(w, "", nil) },
		"files":       func() error { return Files(w, "h", nil) },
		"packets":     func() error { return Packets(w, "h", nil) },
		"steps":       func() error { return Steps(w, "h", nil) },
		"html":        func() error { return HTML(w, Page{Run: run, Verdict: v}) },
	} {
		require.ErrorIs(t, render(), full, name)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
