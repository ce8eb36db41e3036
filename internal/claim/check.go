package claim

import (
	"fmt"
	"strings"

	"github.com/fourtuple/fourtuple/internal/table"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Check says what is wrong with a lab's claims, and with the tables and
// expressions of its steps: keys, tables, columns, snapshots and hosts that are
// not there, expressions that are none, or are of the wrong type, claims that
// can never match, and waits for what nobody can say.
func Check(lab *topology.Lab) []topology.Fault {
	r := newReader(lab)
	seen := make(map[string]bool)
	for _, c := range lab.Claims {
		if seen[c.Name] {
			r.faults = append(r.faults, topology.Fault{Key: []string{"claims", c.Name}, Reason: "there are two claims of this name"})
		}
		seen[c.Name] = true
		r.claim(c)
	}
	for i := range lab.Steps {
		if lab.Steps[i].Action == topology.Wait {
			r.wait(i, &lab.Steps[i])
		}
	}
	return r.faults
}

// wait checks what a step waits for.
func (r *reader) wait(index int, step *topology.Step) {
	for _, host := range step.Hosts() {
		name := host + "." + step.Table
		k := &keys{reader: r, at: []string{"steps", fmt.Sprintf("[%d]", index), "wait"}}
		kind, _, err := table.Find(r.lab, name)
		if err != nil {
			k.fault(name, "%v", err)
			continue
		}
		k.condition(&kind, host, name, step.Where)
	}
}

// mostListed bounds how many words a message lists.
const mostListed = 30

// meant is the end of a sentence about a word that is none of the right ones: the
// nearest of them, or else what there is.
func meant(word string, words []string) string {
	if near := topology.Nearest(word, words); near != "" {
		return "; did you mean " + near + "?"
	}
	if len(words) == 0 || len(words) > mostListed {
		return ""
	}
	return ": there are " + strings.Join(words, ", ")
}
