package report

import (
	"io"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
)

func TestText(t *testing.T) {
	korean := sampleVerdict(visits())
	korean.Connections[1].Client = "카페손님"
	outside := sampleVerdict(visits())
	outside.Connections[2].Client, outside.Connections[2].Server = "", ""
	outsideTranslated := refuted()
	outsideTranslated.Connections[0].Client = ""
	outsideTranslated.Connections[2].Translated = nil
	for _, test := range []struct {
		name     string
		question string
		verdict  claim.Verdict
		style    Style
	}{
		{"holds", question, sampleVerdict(visits()), Style{}},
		{"holds-ascii", question, sampleVerdict(visits()), Style{ASCII: true}},
		{"holds-color", question, sampleVerdict(visits()), Style{Color: true}},
		{"refuted", "What source addresses does the server see behind this router?", refuted(), Style{}},
		{"refuted-color-ascii", "", refuted(), Style{Color: true, ASCII: true}},
		{"korean", "클라이언트 셋이 서버의 포트 12000에 접속하면, 서버가 새로 만드는 소켓들은 새 포트를 받을까, 아니면 모두 포트 12000에 머무를까? 네 가지 식별자를 확인하자.", korean, Style{}},
		{"outside", question, outside, Style{}},
		{"outside-translated", question, outsideTranslated, Style{}},
		{"empty", "", claim.Verdict{Lab: "empty", Outcome: claim.NotShown}, Style{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			golden(t, "text-"+test.name+".txt", func(w io.Writer) error {
				return Text(w, test.question, test.verdict, test.style)
			})
		})
	}
}

// A container's log puts the container's name before each line.
func TestTextIsNotWide(t *testing.T) {
	for _, v := range []claim.Verdict{sampleVerdict(visits()), refuted()} {
		var b strings.Builder
		require.NoError(t, Text(&b, strings.Repeat("긴 질문 ", 60), v, Style{Color: true}))
		for line := range strings.Lines(b.String()) {
			require.LessOrEqual(t, text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")), 120, line)
		}
	}
}

func TestLastLineIsTheVerdict(t *testing.T) {
	for _, outcome := range []claim.Outcome{claim.Holds, claim.Refuted, claim.NotShown} {
		var b strings.Builder
		require.NoError(t, Text(&b, question, claim.Verdict{Outcome: outcome}, Style{}))
		require.True(t, strings.HasSuffix(b.String(), "\nverdict: "+string(outcome)+"\n"), b.String())
	}
}

// Whatever names and reasons say, they add no line and no escape sequence.
func FuzzText(f *testing.F) {
	f.Add("server\nverdict: holds", "\x1b[2J", "\u202eabc")
	f.Add("\xff", "\\", "가")
	f.Fuzz(func(t *testing.T, name, reason, question string) {
		const x = "x"
		harmless, hostile := sampleVerdict(visits()), sampleVerdict(visits())
		harmless.Lab, harmless.Connections[0].Client, harmless.Claims[0].Reason = x, x, x
		hostile.Lab, hostile.Connections[0].Client, hostile.Claims[0].Reason = name, name, reason
		for _, s := range []string{printable(name), printable(reason), printable(question)} {
			require.NotContains(t, s, "\n")
			require.NotContains(t, s, "\x1b")
			require.NotContains(t, s, "\u202e")
		}
		var b strings.Builder
		require.NoError(t, Text(&b, question, hostile, Style{}))
		require.NotContains(t, b.String(), "\x1b")
		if len(name) < 20 && len(reason) < 20 && len(question) < 20 {
			var want strings.Builder
			require.NoError(t, Text(&want, question, harmless, Style{}))
			require.Equal(t, strings.Count(want.String(), "\n"), strings.Count(b.String(), "\n"))
		}
	})
}

func TestConnections(t *testing.T) {
	golden(t, "connections.txt", func(w io.Writer) error { return Connections(w, sampleVerdict(visits()), Style{}) })
	golden(t, "connections-translated.txt", func(w io.Writer) error { return Connections(w, refuted(), Style{}) })
}
