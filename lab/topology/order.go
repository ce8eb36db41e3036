package topology

import (
	"slices"
	"strings"
)

// checkOrder wants an order in which the programs can start.
func checkOrder(lab *Lab, r *report) {
	w := waits{on: make(map[string][]string), done: make(map[string]bool)}
	for _, h := range lab.Hosts {
		w.on[h.Name] = h.DependsOn
	}
	for _, h := range lab.Hosts {
		if circle := w.circle(h.Name, nil); circle != nil {
			r.add(serviceKey(circle[0]).to("depends_on", circle[1]), "the hosts wait for each other: %s", strings.Join(circle, " → "))
			return
		}
	}
}

// waits is who waits for whom.
type waits struct {
	on   map[string][]string
	done map[string]bool // those from whom no circle is reached
}

// circle returns the names of hosts that wait for each other, the first one
// twice; nil if the host is none of them and waits for none of them.
func (w waits) circle(name string, behind []string) []string {
	if w.done[name] {
		return nil
	}
	if i := slices.Index(behind, name); i >= 0 {
		return append(behind[i:], name)
	}
	for _, other := range w.on[name] {
		if circle := w.circle(other, append(behind, name)); circle != nil {
			return circle
		}
	}
	w.done[name] = true
	return nil
}
