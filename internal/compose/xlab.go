package compose

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// labKey is the one extension of Compose's that this package reads.
const labKey = "x-lab"

var stepsKey = key{labKey, "steps"}

// defaultLimit bounds the run of a lab that does not say; leastLimit is the
// least that a lab may say.
const (
	defaultLimit = 60 * time.Second
	leastLimit   = time.Second
)

// readLab reads x-lab at the top of the files, but for its steps. What it names
// need not be there.
func readLab(v value, name string) *topology.Lab {
	lab := &topology.Lab{Name: name, Limit: defaultLimit}
	v.fields(map[string]func(value){
		"name": func(v value) {
			if lab.Name = v.text(); v.Kind == yaml.ScalarNode {
				checkName(lab.Name, v.refuse)
			}
		},
		"question":    func(v value) { lab.Question = v.said() },
		"explanation": func(v value) { lab.Explanation = v.said() },
		"clients":     func(v value) { lab.Clients = v.names() },
		"limit":       func(v value) { lab.Limit = v.duration(leastLimit) },
		"steps":       func(value) {}, // they are read when hosts are known
		"claims":      func(v value) { lab.Claims = readClaims(v) },
	})
	return lab
}

// readClaims reads claims in the file's order. What is in them is package
// claim's to read.
func readClaims(v value) []topology.Claim {
	if !v.isMapping() {
		v.refuse("claims are a mapping, of names to what is claimed, as one-port: {of: 'server:12000'}")
		return nil
	}
	var claims []topology.Claim
	for _, body := range v.values() {
		if !safeName.MatchString(body.name) {
			body.refuseName("%q is no name for a claim; use letters, digits, - and _, and begin with a letter or digit", body.name)
		}
		keys, ok := body.plain().(map[string]any)
		if !ok {
			body.refuse("a claim is a mapping, as {some: server.sockets, is: 'state == \"LISTEN\"'}, or of a macro's parameters, as {of: 'server:12000'}")
		}
		claims = append(claims, topology.Claim{Name: body.name, Keys: keys})
	}
	return claims
}

// readHostLab reads what stands under x-lab in a service.
func readHostLab(v value, h *topology.Host) {
	v.fields(map[string]func(value){
		"capture-after":    func(v value) { h.CaptureAfter = v.duration(0) },
		"masquerade":       func(v value) { h.Masquerade = v.names() },
		"masquerade-ports": func(v value) { h.MasqueradePorts = v.portRange() },
		"port-forward":     func(v value) { h.PortForwards = readPortForwards(v) },
		"programs":         func(v value) { h.Programs = readPrograms(v) },
		"ready":            func(v value) { h.Ready = v.ready() },
	})
}

// portRange reads the ports that a router masquerades with.
func (v value) portRange() string {
	text := v.text()
	if text == topology.MasqueradeRandom {
		return text
	}
	low, high, found := strings.Cut(text, "-")
	if !found {
		high = low
	}
	first, err := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if err != nil || err2 != nil || first == 0 || last < first {
		v.refuse("it must be a port, a range of ports such as 50000-50001, or %s", topology.MasqueradeRandom)
	}
	return text
}

// readPortForwards reads what a router sends on: its own port, and an endpoint.
func readPortForwards(v value) []topology.PortForward {
	if !v.isList() {
		v.refuse("it must be a list, as ['8080:10.12.0.10:80']")
		return nil
	}
	var all []topology.PortForward
	for _, forward := range v.values() {
		own, to, _ := strings.Cut(forward.text(), ":")
		port, err := strconv.ParseUint(own, 10, 16)
		endpoint, err2 := netip.ParseAddrPort(to)
		if err != nil || err2 != nil || port == 0 || !endpoint.Addr().Is4() || endpoint.Port() == 0 {
			forward.refuse("it must be a port of the router, and an IPv4 address and a port that it leads to, as 8080:10.12.0.10:80")
		}
		all = append(all, topology.PortForward{Port: uint16(port), To: endpoint})
	}
	slices.SortFunc(all, func(a, b topology.PortForward) int { return cmp.Compare(a.Port, b.Port) })
	return all
}

// readPrograms reads the host's further programs.
func readPrograms(v value) []topology.Program {
	if !v.isMapping() {
		v.refuse("programs are a mapping, of names to commands")
		return nil
	}
	var programs []topology.Program
	for _, command := range v.values() {
		if len(command.name) > maxName || !safeName.MatchString(command.name) {
			command.refuseName("%q cannot name a program; use at most %d letters, digits, - and _, and begin with a letter or digit", command.name, maxName)
		}
		args := command.command()
		programs = append(programs, topology.Program{Name: command.name, Args: args, Ready: ready(args, topology.Ready{})})
	}
	slices.SortFunc(programs, func(a, b topology.Program) int { return strings.Compare(a.Name, b.Name) })
	return programs
}

// command reads a program and its arguments: a list, or text that is split as
// Compose splits a service's command.
func (v value) command() []string {
	var args types.ShellCommand
	switch v.Kind {
	case yaml.ScalarNode:
		if err := args.DecodeMapstructure(v.text()); err != nil {
			v.refuse("it cannot be split into words, as a shell does it: %v; write a list", err)
			return nil
		}
	case yaml.SequenceNode:
		for _, arg := range v.values() {
			args = append(args, arg.text())
		}
	default:
		v.refuse("a command is text or a list, as [socket]")
		return nil
	}
	if len(args) == 0 || args[0] == "" {
		v.refuse("the program's name is empty")
	}
	return args
}

// ready reads when a program is ready: a word, or how long after its start.
func (v value) ready() topology.Ready {
	text := v.text()
	switch text {
	case topology.ReadyEvent, topology.ReadySocket, topology.ReadyStarted, topology.ReadyExit:
		return topology.Ready{When: text}
	}
	after, err := time.ParseDuration(text)
	if err != nil || after < 0 {
		v.refuse("it must be event, socket, started, exit, or a duration such as 2s")
	}
	return topology.Ready{When: topology.ReadyAfter, After: after}
}

// suggest ends a sentence about a word that there is not: with the nearest one
// that there is, or with all of them.
func suggest[V any](word string, there map[string]V) string {
	words := slices.Sorted(maps.Keys(there))
	if near := topology.Nearest(word, words); near != "" {
		return "; did you mean " + near + "?"
	}
	if len(words) == 1 {
		return "; there is " + words[0]
	}
	return "; there are " + cmp.Or(strings.Join(words, ", "), "none")
}
