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
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestText(t *testing.T) {
	_, whole := holds()
	_, translated := refuted()
	_, korean := holds()
	korean.Connections[1].Client = "카페손님"
	_, odd := holds()
	odd.Connections[0].Outcome, odd.Connections[1].Opening = evidence.Refused, 2
	odd.Connections[1].Path = []claim.Hop{{Host: "inner"}, {Host: "outer"}}
	odd.Connections[2].Server, odd.Connections[2].Path, odd.Connections[2].Witnesses = "", nil, claim.Witnesses{"server.packets": true}
	_, hostile := refuted()
	hostile.Lab, hostile.Outcome = "x\nverdict: holds", "\x1b[2J"
	hostile.Claims[0] = claim.Finding{Claim: "\x1b[1m", Text: topology.Text{EN: "\u202eabc"}, Outcome: "a\nb", Expected: "\n", Missing: "\x1b", Reason: "\xff\r", Rows: []claim.Row{{File: "\n", Line: 1, Text: "\x1b"}}}
	hostile.Datagrams[0].Sender, hostile.Datagrams[0].Text, hostile.Datagrams[0].Path = "\x1b", "\n", []claim.Hop{{Host: "\n"}}
	hostile.Connections[0].Client, hostile.Connections[0].Server, hostile.Connections[0].Outcome = "a\nb", "\x1b[2J", "\t"
	hostile.Connections[0].Path = []claim.Hop{{Host: "\u2066"}}
	chain := &evidence.FourTuple{Source: end("10.12.9.10:40992"), Destination: serverEnd}
	_, chained := refuted()
	chained.Connections[0].Path = []claim.Hop{{Host: "house", Translated: chain}, {Host: "street", Translated: chained.Connections[0].Translated}}
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
		{"chained", question, chained, Style{}},
		{"hostile", "\x1b[2J\n", hostile, Style{}},
		{"wide", strings.Repeat("긴 질문 ", 60), whole, Style{Color: true}},
		{"empty", "", claim.Verdict{Lab: "empty", Outcome: claim.NotShown}, Style{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			golden(t, "text-"+test.name+".txt", func(w io.Writer) error {
				return Text(w, topology.Text{EN: test.question}, test.verdict, test.style)
			})
			var b strings.Builder
			require.NoError(t, Text(&b, topology.Text{EN: test.question}, test.verdict, test.style))
			if test.name != "odd" && test.name != "hostile" && test.name != "chained" {
				require.LessOrEqual(t, text.LongestLineLen(b.String()), 120)
			}
		})
	}
	golden(t, "connections.txt", func(w io.Writer) error { return Connections(w, whole, "", Style{}) })
	golden(t, "connections-client2.txt", func(w io.Writer) error { return Connections(w, whole, "client2", Style{}) })
	golden(t, "datagrams.txt", func(w io.Writer) error { return Datagrams(w, translated, "", Style{}) })
	golden(t, "datagrams-empty.txt", func(w io.Writer) error { return Datagrams(w, translated, "client2", Style{}) })
}

func TestRenderersReturnTheWritersError(t *testing.T) {
	full := errors.New("no space left on device")
	w := writerFunc(func([]byte) (int, error) { return 0, full })
	run, v := holds()
	for name, render := range map[string]func() error{
		"text":        func() error { return Text(w, topology.Text{}, v, Style{}) },
		"json":        func() error { return JSON(w, v) },
		"connections": func() error { return Connections(w, v, "", Style{}) },
		"datagrams":   func() error { return Datagrams(w, v, "", Style{}) },
		"sockets":     func() error { return Sockets(w, "", nil) },
		"files":       func() error { return Files(w, "h", nil) },
		"packets":     func() error { return Packets(w, "h", nil) },
		"steps":       func() error { return Steps(w, run, "") },
		"account":     func() error { return Account(w, "h", nil) },
		"html":        func() error { return HTML(w, Page{Run: run, Verdict: v}) },
	} {
		require.ErrorIs(t, render(), full, name)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
