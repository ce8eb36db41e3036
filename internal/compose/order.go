package compose

import (
	"maps"
	"slices"
	"strings"
)

// checkOrder wants an order in which Compose can start the services, those
// that are no hosts among them.
func (b *builder) checkOrder() {
	w := waits{on: make(map[string][]string), done: make(map[string]bool)}
	for name, service := range b.project.Services {
		w.on[name] = slices.Sorted(maps.Keys(service.DependsOn))
	}
	for _, name := range slices.Sorted(maps.Keys(w.on)) {
		if circle := w.circle(name, nil); circle != nil {
			b.add(serviceKey(circle[0]).to("depends_on", circle[1]), "services wait for each other: %s", strings.Join(circle, " → "))
			return
		}
	}
}

// waits is who waits for whom.
type waits struct {
	on   map[string][]string
	done map[string]bool // those from whom no circle is reached
}

// circle returns the names of services that wait for each other, the first one
// twice; nil if this one is none of them and waits for none of them.
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
