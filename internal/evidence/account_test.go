package evidence

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// accountLab is a lab of two hosts, a with a prompt and a further program.
func accountLab() *topology.Lab {
	lab := &topology.Lab{
		Hosts: []topology.Host{
			{Name: "a", Program: []string{"socket"}, Programs: []topology.Program{{Name: "two", Args: []string{"cat"}}}},
			{Name: "b"},
		},
		Steps: []topology.Step{
			{Action: topology.Start, On: []string{"a", "a/two"}},
			{Action: topology.Type, On: []string{"a"}, Line: "listen 12000"},
			{Action: topology.Sleep, For: time.Millisecond},
			{Action: topology.Stop, On: []string{"a/two"}},
			{Action: topology.Start, On: []string{"a/two"}},
			{Action: topology.Snapshot, Name: "settled"},
			{Action: topology.Stop, On: []string{"a", "a/two"}},
		},
	}
	for i := range lab.Steps {
		lab.Steps[i].Number = i + 1
	}
	return lab
}

// told are the events of an account of a: words, of which "started:two:7" is an
// event of a program and its process, "step:2" one of a step.
func told(words string) []HostEvent {
	events := []HostEvent{{Event: HostRegistered, Run: "1", Lab: "2"}, {Event: HostLive, Snapshot: 1}}
	for n, word := range strings.Fields(words) {
		part := strings.Split(word, ":")
		e := HostEvent{Event: part[0]}
		switch e.Event {
		case HostStep:
			_, _ = fmt.Sscan(part[1], &e.Step)
			if e.Step == 2 {
				e.Answer = &ProgramEvent{Event: EventAnswer, Typed: "listen 12000", Answer: Answer{Call: "listen"}}
			}
		case HostSnapshot:
			e.Name, e.Snapshot = "settled", n+2
		case HostFailed:
			e.Error = strings.ReplaceAll(part[1], "_", " ") + ": no"
		default:
			e.Program = part[1]
			_, _ = fmt.Sscan(part[2], &e.PID)
			switch e.Event {
			case HostStarted:
				e.Command = map[string][]string{"": {"socket"}, "two": {"cat"}}[e.Program]
			case HostExited:
				e.Status = new(int)
			case HostNotReady:
				e.Error = "the time was over"
			}
		}
		events = append(events, e)
	}
	events = append(events, HostEvent{Event: HostStopped}, HostEvent{Event: HostClosed})
	for i := range events {
		events[i].Line, events[i].Time = i+1, epoch.Add(time.Duration(i)*time.Millisecond)
	}
	return events
}

const (
	begun = "started::5 ready::5 started:two:6 ready:two:6 step:1 "
	whole = begun + "step:2 step:3 exited:two:6 step:4 started:two:7 ready:two:7 step:5 snapshot step:6 exited::5 exited:two:7 step:7"
	ofB   = "step:3 snapshot step:6"
)

// judged loads the accounts of both hosts.
func judged(a, b string) (*Run, string) {
	r := &Run{ID: "1", LabHash: "2", Lab: accountLab(), Hosts: make(map[string]*Host)}
	var accounts []*account
	for i, events := range [][]HostEvent{told(a), told(b)} {
		lab := &r.Lab.Hosts[i]
		h := &Host{Name: lab.Name, Defects: make(map[Witness]string), Snapshots: make(map[string]int), ran: make(map[programID]bool)}
		account := newAccount(r, lab, h)
		if err := account.check(events, nil); err != nil {
			h.defect(Agent, "%v", err)
		}
		r.Hosts[h.Name] = h
		accounts = append(accounts, account)
	}
	r.checkSteps(accounts)
	return r, strings.Trim(r.Hosts["a"].Defect(Agent)+"; "+r.Hosts["b"].Defect(Agent), "; ")
}

func TestAccountTellsStepsAndPrograms(t *testing.T) {
	r, defect := judged(whole, ofB)
	require.Empty(t, defect)
	assert.Empty(t, r.Ended)
	var ran []string
	for _, p := range r.Hosts["a"].Processes {
		ran = append(ran, fmt.Sprintf("%s:%d:%d:%d", p.Program, p.PID, p.Exited.Sub(p.Started)/time.Millisecond, *p.Status))
	}
	assert.Equal(t, []string{":5:14:0", "two:6:5:0", "two:7:6:0"}, ran)
	var rows []string
	for _, row := range r.Steps {
		text := fmt.Sprintf("%d %s %s/%s:%d", row.Number, row.Action, row.Host, row.Program, row.Line)
		if row.Answer != nil {
			text += " " + row.Answer.Call
		}
		rows = append(rows, text)
	}
	assert.Equal(t, []string{
		"1 start a/:7", "1 start a/two:7", "2 type a/:8 listen", "3 sleep a/:9", "3 sleep b/:3", "4 stop a/two:11", "5 start a/two:14",
		"6 snapshot a/:16", "6 snapshot b/:5", "7 stop a/:19", "7 stop a/two:19",
	}, rows)
}

// One thing in an account is otherwise.
func TestAccountIsStrict(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"a step less":             {"step:3 ", "", "a.host.jsonl does not say that step 3 was done"},
		"the last step less":      {" step:7", "", "a.host.jsonl does not say that step 7 was done"},
		"a step twice":            {"step:3 ", "step:3 step:3 ", "a.host.jsonl:10: step 3, where the lab has step 4"},
		"another order":           {"step:2 step:3", "step:3 step:2", "a.host.jsonl:8: step 3, where the lab has step 2"},
		"a step more":             {"step:7", "step:7 step:8", "a.host.jsonl:20: step 8, and the lab has none there"},
		"not started":             {"started:two:6 ready:two:6 ", "", "a.host.jsonl:5: step 1, and the program \"two\" was not started"},
		"started unasked":         {"step:3 ", "step:3 started::8 ", "a.host.jsonl:10: the host's command is started, and runs"},
		"started too early":       {"step:4 started:two:7", "started:two:7 step:4", "a.host.jsonl:11: the program \"two\" is started, and no step asks for it here"},
		"not ended":               {"exited:two:6 ", "", "a.host.jsonl:10: step 4, and the program \"two\" has not ended"},
		"ended as another":        {"exited:two:6", "exited:two:7", "a.host.jsonl:10: process 7 ended, and the program \"two\" is process 6"},
		"ended twice":             {"exited:two:6", "exited:two:6 exited:two:6", "a.host.jsonl:11: \"exited\" of the program \"two\", which did not run"},
		"a program of nobody":     {"started:two:6", "started:three:6", "a.host.jsonl:5: \"started\" of the program \"three\", and the lab has no such program there"},
		"ready twice":             {"ready::5", "ready::5 ready::5", "a.host.jsonl:5: \"ready\" of the host's command, which was not started since the last"},
		"not said whether ready":  {"ready:two:7 ", "", "a.host.jsonl:13: step 5, and it is not said whether the program \"two\" was ready"},
		"not ready in time":       {"ready:two:7", "not:two:7", "a.host.jsonl:13: there is no event \"not\""},
		"no snapshot":             {"snapshot step:6", "step:6", "a.host.jsonl:15: step 6 without the snapshot \"settled\""},
		"a snapshot nobody wants": {"exited::5 exited:two:7 step:7", "exited::5 exited:two:7 step:7 snapshot", "a.host.jsonl:20: a snapshot \"settled\" that no step asks for here"},
		"failed otherwise":        {"step:3 ", "error:its_disk step:3 ", "a.host.jsonl:9: a says: its disk: no"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(whole, c.old, c.new, 1)
			require.NotEqual(t, whole, changed)
			_, defect := judged(changed, ofB)
			assert.Equal(t, c.want, defect)
		})
	}
	t.Run("a snapshot again, as when a run paused", func(t *testing.T) {
		_, defect := judged(strings.Replace(whole, "step:6", "step:6 snapshot", 1), ofB)
		assert.Empty(t, defect)
	})
	t.Run("an answer that is none", func(t *testing.T) {
		events := told(whole)
		n := slices.IndexFunc(events, func(e HostEvent) bool { return e.Step == 2 })
		events[n].Answer = nil
		r := &Run{ID: "1", LabHash: "2", Lab: accountLab()}
		h := &Host{Name: "a", Snapshots: make(map[string]int), ran: make(map[programID]bool)}
		assert.ErrorContains(t, newAccount(r, &r.Lab.Hosts[0], h).check(events, nil), "step 2 has an answer that nothing gives, or has none")
	})
}

// A run ends with a step that fails: what was done until then counts, programs
// are stopped, and nothing else is done.
func TestRunEndsWithAStepThatFails(t *testing.T) {
	const failed = begun + "error:step_2 exited::5 exited:two:6 step:7"
	r, defect := judged(failed, "")
	assert.Empty(t, defect)
	assert.Equal(t, "a: step 2: no", r.Ended)
	for _, row := range r.Steps {
		assert.Equal(t, row.Number == 1 || row.Number == 7, row.Line > 0, "step %d", row.Number)
	}
	for name, c := range map[string]struct{ a, b, want string }{
		"b went on":              {failed, "step:3", "b.host.jsonl says that step 3 was done, after the run had ended"},
		"a went on":              {strings.Replace(failed, "error:step_2", "error:step_2 step:3", 1), "", "a.host.jsonl:9: step 3, where the lab has step 2"},
		"nobody says so":         {strings.Replace(failed, "error:step_2 ", "", 1), ofB, "a.host.jsonl does not say that step 2 was done"},
		"of a step further on":   {strings.Replace(failed, "error:step_2", "error:step_3", 1), "", "a.host.jsonl does not say that step 2 was done"},
		"of no number":           {strings.Replace(failed, "error:step_2", "error:step_0", 1), ofB, "a.host.jsonl:8: a says: step 0: no"},
		"something else as well": {strings.Replace(failed, "error:step_2", "error:step_2 error:disk", 1), "", "a.host.jsonl:9: a says: disk: no"},
	} {
		t.Run(name, func(t *testing.T) {
			_, defect := judged(c.a, c.b)
			assert.Equal(t, c.want, defect)
		})
	}
}
