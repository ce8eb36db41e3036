package report

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
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
				return Text(w, about(test.question), test.verdict, test.style)
			})
			var b strings.Builder
			require.NoError(t, Text(&b, about(test.question), test.verdict, test.style))
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

// about is a run that has only a question.
func about(question string) *evidence.Run {
	return &evidence.Run{Lab: &topology.Lab{Question: topology.Text{EN: question}, Steps: topology.DefaultSteps(nil)}}
}

// asked is the sample with all that a lab says in both languages, one claim that
// comes out otherwise, and snapshots that claims look at.
func asked() (*evidence.Run, claim.Verdict) {
	run, v := holds()
	lab := run.Lab
	lab.Question.KO = "클라이언트 셋이 포트 12000의 TCP 서버에 접속한다. 서버가 받아들인 소켓은 새 포트를 얻는가?"
	lab.Explanation = topology.Text{EN: "No. All four rows have port 12000.\n\nIn practice: one port is enough.", KO: "아니다. 네 행 모두 포트가 12000이다.\n\n실무에서: 포트 하나면 된다."}
	lab.Steps = []topology.Step{{Action: topology.Snapshot, Name: "settled", Number: 1}, {Action: topology.Snapshot, Name: "never", Number: 2}}
	lab.Claims = []topology.Claim{
		{Name: "looks", Keys: map[string]any{"some": "server.sockets", "is": `state == "LISTEN"`, "at": "settled"}},
		{Name: "looks-at-nothing", Keys: map[string]any{"none": "client1.sockets", "is": "inode == 0", "at": "settled"}},
		{Name: "looks-later", Keys: map[string]any{"some": "server.sockets", "is": `state == "LISTEN"`}},
	}
	v.Claims[0].Text.KO = "받아들여진 소켓의 로컬 포트는 모두 12000이다"
	v.Claims[0].Outcome, v.Claims[0].Expected = claim.Refuted, claim.Refuted
	v.Claims[1].Outcome, v.Claims[1].AsExpected = claim.NotShown, false
	v.Claims[2].Outcome, v.Claims[2].Expected, v.Claims[2].Missing = claim.NotShown, claim.NotShown, "client2.packets"
	v.Connections[0].Witnesses["client.files"] = false
	v.Outcome = claim.NotShown
	return run, v
}

// A run is told in English and in Korean, and of what is there in one of them
// only, in that one.
func TestLanguages(t *testing.T) {
	run, v := asked()
	for name, l := range map[string]topology.Language{"english": topology.English, "hangul": topology.Korean} {
		golden(t, "text-"+name+".txt", func(w io.Writer) error { return Text(w, run, v, Style{Language: l}) })
	}
	run.Hosts["server"].Defects = map[evidence.Witness]string{evidence.Files: "server.files.jsonl is missing"}
	var b strings.Builder
	require.NoError(t, Text(&b, run, v, Style{}))
	require.NotContains(t, b.String(), "PID/Program name", "without open files nobody knows whose a socket is")
}

// Of a large run the text has the beginning, and says how much it leaves out.
func TestLargeText(t *testing.T) {
	run, v := refuted()
	for range 1000 {
		v.Connections, v.Datagrams = append(v.Connections, v.Connections[0]), append(v.Datagrams, v.Datagrams[0])
		run.Steps = append(run.Steps, evidence.StepRow{Step: topology.Step{Action: topology.Sleep, Number: len(run.Steps) + 1}})
		run.Hosts["server"].Sockets = append(run.Hosts["server"].Sockets, listening(2))
	}
	run.Lab.Steps = []topology.Step{{Action: topology.Sleep, Number: 1}, {Action: topology.Snapshot, Name: "settled", Number: 2}}
	run.Lab.Claims = []topology.Claim{{Name: "looks", Keys: map[string]any{"some": "server.sockets", "is": "inode == 0"}}}
	var b strings.Builder
	require.NoError(t, Text(&b, run, v, Style{}))
	require.Less(t, strings.Count(b.String(), "\n"), 270)
	for _, want := range []string{
		"and 953 more: lab show connections RUN", "and 952 more: lab show datagrams RUN", "and 960 more\n", "and 994 more\n",
	} {
		require.Contains(t, b.String(), want)
	}
}

// Every fixed text is there in Korean, with the same verbs.
func TestFixedTexts(t *testing.T) {
	said := regexp.MustCompile("say\\((?:[a-z.A-Z]+, )?\"([^\"]+)\"\\)|{{ ?say \"([^\"]+)\"")
	verbs := regexp.MustCompile(`%(\[\d\])?[sd]`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	pages, err := filepath.Glob("page/*.html")
	require.NoError(t, err)
	texts := make(map[string]bool)
	for _, file := range append(files, pages...) {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range said.FindAllStringSubmatch(string(source), -1) {
			texts[match[1]+match[2]] = true
		}
	}
	require.Greater(t, len(texts), 50)
	for text := range texts {
		require.NotEmpty(t, korean[text], "%q", text)
	}
	for english, korean := range korean {
		require.Len(t, verbs.FindAllString(korean, -1), len(verbs.FindAllString(english, -1)), english)
	}
}

func TestRenderersReturnTheWritersError(t *testing.T) {
	full := errors.New("no space left on device")
	w := writerFunc(func([]byte) (int, error) { return 0, full })
	run, v := holds()
	for name, render := range map[string]func() error{
		"text":        func() error { return Text(w, run, v, Style{}) },
		"json":        func() error { return JSON(w, v) },
		"connections": func() error { return Connections(w, v, "", Style{}) },
		"datagrams":   func() error { return Datagrams(w, v, "", Style{}) },
		"sockets":     func() error { return Sockets(w, "", nil) },
		"files":       func() error { return Files(w, "h", nil) },
		"packets":     func() error { return Packets(w, "h", nil) },
		"steps":       func() error { return Steps(w, run, "", Style{}) },
		"account":     func() error { return Account(w, "h", nil) },
		"html":        func() error { return HTML(w, Page{Run: run, Verdict: v}) },
	} {
		require.ErrorIs(t, render(), full, name)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
