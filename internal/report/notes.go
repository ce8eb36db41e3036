package report

import (
	"fmt"
	"strings"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// notesOf says of the server its port, of a client the source port that it
// had, and of a router what it does.
func notesOf(lab *topology.Lab, v claim.Verdict) map[string]string {
	notes := make(map[string]string)
	for i := range lab.Hosts {
		if h := &lab.Hosts[i]; h.Forwards {
			notes[h.Name] = "forwards"
			if len(h.Masquerade) > 0 {
				notes[h.Name] = "forwards with NAT"
			}
		}
	}
	ports := make(map[string][]string)
	for _, c := range v.Connections {
		ports[c.Client] = append(ports[c.Client], fmt.Sprint(c.Source.Port()))
	}
	for name, list := range ports {
		if notes[name] = "from port " + list[0]; len(list) > 1 {
			notes[name] = fmt.Sprintf("from %d ports", len(list))
		}
	}
	notes[lab.Server] = fmt.Sprintf("port %d", lab.Port)
	return notes
}

// describe says in words what the drawing shows.
func describe(lab *topology.Lab) string {
	var hosts []string
	for _, row := range hostRows(lab) {
		text := row.Name
		if row.Role != "" {
			text += " (" + row.Role + ")"
		}
		hosts = append(hosts, text+" has "+strings.Join(row.Links, " and "))
	}
	return strings.Join(hosts, "; ") + "."
}
