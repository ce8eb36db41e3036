package compose_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func stepsOf(t *testing.T, edits ...edit) []topology.Step {
	t.Helper()
	return parse(t, "lab.yml", edited(t, small(t), edits...)).Steps
}

func TestParseReadsEveryStep(t *testing.T) {
	got := stepsOf(t, add("x-lab: {programs: {second: [socket]}}"), steps(
		"start: server",
		"start: [server/second, client1]",
		"type: {server/second: 'listen 12000 backlog 2'}",
		"type: {client1: [connect server:12000, '  two  words', 12]}",
		`wait: {server.sockets: 'state == "LISTEN"'}`+"\n      within: 5s",
		"wait: {client1.program: 'true', within: 2s}",
		"snapshot: one",
		"signal: {server: stop}",
		"signal: {server: SIGCONT}",
		"cut: {router: [home, cafe]}",
		"mend: {router: [cafe, home]}",
		"sleep: 300ms",
		"stop: [client1]",
		"start: client1",
		"snapshot: two",
	))
	assert.Equal(t, []topology.Step{
		{Number: 1, Action: topology.Start, On: []string{"server"}},
		{Number: 2, Action: topology.Start, On: []string{"server/second", "client1"}},
		{Number: 3, Action: topology.Type, On: []string{"server/second"}, Line: "listen 12000 backlog 2"},
		{Number: 4, Action: topology.Type, On: []string{"client1"}, Line: "connect server:12000"},
		{Number: 5, Action: topology.Type, On: []string{"client1"}, Line: "  two  words"},
		{Number: 6, Action: topology.Type, On: []string{"client1"}, Line: "12"},
		{Number: 7, Action: topology.Wait, On: []string{"server"}, Table: "sockets", Where: `state == "LISTEN"`, For: 5 * time.Second},
		{Number: 8, Action: topology.Wait, On: []string{"client1"}, Table: "program", Where: "true", For: 2 * time.Second},
		{Number: 9, Action: topology.Snapshot, Name: "one"},
		{Number: 10, Action: topology.Signal, On: []string{"server"}, Signal: "SIGSTOP"},
		{Number: 11, Action: topology.Signal, On: []string{"server"}, Signal: "SIGCONT"},
		{Number: 12, Action: topology.Cut, On: []string{"router"}, Subnets: []string{"home", "cafe"}},
		{Number: 13, Action: topology.Mend, On: []string{"router"}, Subnets: []string{"cafe", "home"}},
		{Number: 14, Action: topology.Sleep, For: 300 * time.Millisecond},
		{Number: 15, Action: topology.Stop, On: []string{"client1"}},
		{Number: 16, Action: topology.Start, On: []string{"client1"}},
		{Number: 17, Action: topology.Snapshot, Name: "two"},
		{Number: 18, Action: topology.Stop, On: []string{"client1"}},
		{Number: 19, Action: topology.Stop, On: []string{"server/second"}},
		{Number: 20, Action: topology.Stop, On: []string{"server"}},
	}, got)
}

func TestParseEndsStepsWithASnapshotAndStops(t *testing.T) {
	assert.Equal(t, []topology.Step{
		{Number: 1, Action: topology.Start, On: []string{"server", "client1"}},
		{Number: 2, Action: topology.Stop, On: []string{"server"}},
		{Number: 3, Action: topology.Snapshot, Name: topology.Settled},
		{Number: 4, Action: topology.Stop, On: []string{"client1"}},
	}, stepsOf(t, steps("start: [server, client1]", "stop: server")))
	assert.Equal(t, []topology.Step{
		{Number: 1, Action: topology.Sleep, For: time.Second},
		{Number: 2, Action: topology.Snapshot, Name: topology.Settled},
	}, stepsOf(t, steps("sleep: 1s")))
}

func TestParseStartsAllProgramsWithoutSteps(t *testing.T) {
	got := stepsOf(t, add("x-lab: {programs: {b: [socket], a: \"echo 'b c'\"}}"))
	assert.Equal(t, topology.Step{Number: 1, Action: topology.Start, On: []string{"server", "server/a", "server/b"}}, got[0])
}

// Variables are replaced in steps and claims as elsewhere.
func TestParseReplacesVariablesInSteps(t *testing.T) {
	got := stepsOf(t, steps("start: ${S:-server}", "type: {server: 'a ${P:-12000} $$b'}", "sleep: ${T:-2s}"))
	assert.Equal(t, []string{"server"}, got[0].On)
	assert.Equal(t, "a 12000 $b", got[1].Line)
	assert.Equal(t, 2*time.Second, got[2].For)
}

func TestParseReadsClaims(t *testing.T) {
	lab := parse(t, "lab.yml", edited(t, small(t), edit{"question: Is the port the same?", "question:\n    en: ' A? '\n    ko: 가?\n  explanation: |\n    Because.\n"}, claim(`z: {of: 'server:12000'}
    a:
      says: {en: "a $$b", ko: 가}
      expect: {not-shown: client1.packets}
      before: [{in: server.program, where: 'x == "1"'}, {in: client1.packets}]
      is: |
        true &&
        false
      n: 3
      m: "3"
      some: true
      f: 1.50
      o: 0x10
      d: 2001-01-01
      v: ${V:-12}
    b: {}`)))
	assert.Equal(t, topology.Text{EN: "A?", KO: "가?"}, lab.Question)
	assert.Equal(t, topology.Text{EN: "Because."}, lab.Explanation)
	assert.Equal(t, []topology.Claim{
		{Name: "z", Keys: map[string]any{"of": "server:12000"}},
		{Name: "a", Keys: map[string]any{
			"says": map[string]any{"en": "a $b", "ko": "가"}, "expect": map[string]any{"not-shown": "client1.packets"},
			"before": []any{map[string]any{"in": "server.program", "where": `x == "1"`}, map[string]any{"in": "client1.packets"}},
			"is":     "true &&\nfalse\n", "n": 3, "m": "3", "some": true, "f": "1.50", "o": "0x10", "d": "2001-01-01", "v": "12",
		}},
		{Name: "b", Keys: map[string]any{}},
	}, lab.Claims)
}

func TestParseReadsFurtherPrograms(t *testing.T) {
	lab := parse(t, "lab.yml", edited(t, small(t), add(`x-lab: {programs: {second: "echo 'a b' $${c}", first: [/lab, socket], third: [server, --json]}}`), steps("start: server")))
	server, _ := lab.Host("server")
	assert.Equal(t, []topology.Program{
		{Name: "first", Args: []string{"/lab", "socket"}, Ready: topology.Ready{When: topology.ReadyEvent}},
		{Name: "second", Args: []string{"echo", "a b", "${c}"}, Ready: topology.Ready{When: topology.ReadySocket}},
		{Name: "third", Args: []string{"server", "--json"}, Ready: topology.Ready{When: topology.ReadyEvent}},
	}, server.Programs)
}

// What an alias or a merge brings under x-lab is read as what is written there.
func TestParseFollowsAliasesUnderXLab(t *testing.T) {
	text := edited(t, small(t), edit{"x-lab:\n", "x-say: &say {expect: refuted, some: a}\nx-first: &first {start: server}\nx-lab:\n"},
		edit{claims, "  claims:\n    one: {<<: *say, some: b}\n    two: *say\n  steps: [*first]\n"})
	lab := parse(t, "lab.yml", text)
	assert.Equal(t, []topology.Claim{
		{Name: "one", Keys: map[string]any{"expect": "refuted", "some": "b"}},
		{Name: "two", Keys: map[string]any{"expect": "refuted", "some": "a"}},
	}, lab.Claims)
	assert.Equal(t, []string{"server"}, lab.Steps[0].On)
	_, err := compose.Parse("folder", file("lab.yml", []byte(edited(t, text, edit{"some: a}", "some: !a }"}))), nil)
	assert.EqualError(t, err, "lab.yml:2:37: x-lab.claims.two.some: YAML takes !a for a tag and not for text; put the whole value in quotes")
}
