package netns

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// sysctlName is a parameter's name in sysctl(8)'s notation with dots.
var sysctlName = regexp.MustCompile(`^net(\.[A-Za-z0-9_-]+)+$`)

// ofInterface matches parameters that exist only while an interface does.
var ofInterface = regexp.MustCompile(`\.eth[0-9]+\.`)

// sysctlSteps returns the host's parameters: those to set before it has
// interfaces, since interfaces copy some of them when they are made, and those
// of its interfaces. Only net.* belongs to a host; all else is the machine's.
func sysctlSteps(h *topology.Host) (early, late []step, err error) {
	for _, key := range slices.Sorted(maps.Keys(h.Sysctls)) {
		if !sysctlName.MatchString(key) {
			return nil, nil, fmt.Errorf("sysctl %s of %s: a host has its own net.* and nothing else", key, h.Name)
		}
		s := sysctlStep{key: key, value: h.Sysctls[key]}
		if ofInterface.MatchString(key) {
			late = append(late, s)
		} else {
			early = append(early, s)
		}
	}
	return early, late, nil
}
