package evidence

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// failedStep is the number of the step that an agent says ended the run, as
// "step 3: …"; 0 if it says something else.
func failedStep(text string) int {
	text, ok := strings.CutPrefix(text, "step ")
	number, _, found := strings.Cut(text, ": ")
	n, err := strconv.Atoi(number)
	if !ok || !found || err != nil || n < 1 {
		return 0
	}
	return n
}

// doneOn tells whether a step is done on a host.
func doneOn(s *topology.Step, host string) bool {
	return len(s.On) == 0 || slices.ContainsFunc(s.On, func(on string) bool {
		name, _ := topology.Target(on)
		return name == host
	})
}

// programsOf are the programs of a host that a step is done on.
func programsOf(s *topology.Step, host string) (programs []string) {
	for _, on := range s.On {
		if name, program := topology.Target(on); name == host {
			programs = append(programs, program)
		}
	}
	return programs
}

// checkSteps compares what the hosts say of the steps with each other: a run ends
// with the lab's last step, or with one that failed, which one host tells; then
// programs are stopped and nothing else is done. It fills in Steps and Ended.
func (r *Run) checkSteps(accounts []*account) {
	end := len(r.Lab.Steps) + 1 // the first step that was not done
	for _, a := range accounts {
		if a.failed > 0 && a.failed < end {
			end, r.Ended = a.failed, printable(a.host.Name+": "+a.failure)
		}
	}
	for _, a := range accounts {
		for _, s := range a.steps {
			told := a.told[s.Number] != nil
			switch {
			case s.Number < end && !told && a.unsealed == "":
				a.is.defect(Agent, "%s does not say that step %d was done", FileName(a.host.Name, Agent), s.Number)
			case s.Number > end && told && s.Action != topology.Stop:
				a.is.defect(Agent, "%s says that step %d was done, after the run had ended", FileName(a.host.Name, Agent), s.Number)
			}
		}
	}
	for i := range r.Lab.Steps {
		s := &r.Lab.Steps[i]
		for _, a := range accounts {
			if !doneOn(s, a.host.Name) {
				continue
			}
			row := StepRow{Step: *s, Host: a.host.Name}
			if e := a.told[s.Number]; e != nil {
				row.Time, row.Answer, row.Line = e.Time, e.Answer, e.Line
			}
			programs := programsOf(s, a.host.Name)
			if len(programs) == 0 {
				programs = []string{""}
			}
			for _, row.Program = range programs {
				r.Steps = append(r.Steps, row)
			}
		}
	}
}
