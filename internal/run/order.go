package run

import "github.com/fourtuple/fourtuple/internal/topology"

// levels orders hosts by depends_on: every host comes in a later level than
// the hosts that it depends on. Compose forbids circles; hosts of one would
// share the last level.
func levels(hosts []topology.Host) [][]string {
	level := make(map[string]int, len(hosts))
	for range hosts {
		changed := false
		for _, h := range hosts {
			for _, on := range h.DependsOn {
				if level[h.Name] <= level[on] && level[on]+1 < len(hosts) {
					level[h.Name] = level[on] + 1
					changed = true
				}
			}
		}
		if !changed {
			break
		}
	}
	var ordered [][]string
	for _, h := range hosts {
		for len(ordered) <= level[h.Name] {
			ordered = append(ordered, nil)
		}
		ordered[level[h.Name]] = append(ordered[level[h.Name]], h.Name)
	}
	return ordered
}
