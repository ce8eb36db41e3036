package compose

import (
	"cmp"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Docker's defaults, which hold for every engine.
const (
	defaultStopSignal = "SIGTERM"
	defaultStopGrace  = 10 * time.Second
)

// The settings by which a router is known, of IPv4 and of IPv6.
const (
	forwarding  = "net.ipv4.ip_forward"
	forwarding6 = topology.Forwarding6
)

// host reads a service that is one.
func (b *builder) host(s types.ServiceConfig) topology.Host {
	at := serviceKey(s.Name)
	h := topology.Host{
		Name: s.Name, Hostname: cmp.Or(s.Hostname, s.Name), Image: s.Image,
		Links:            b.links(s),
		Program:          b.program(s),
		Environment:      b.variables(s),
		WorkingDirectory: s.WorkingDir,
		StopSignal:       b.stopSignal(s),
		StopGrace:        b.stopGrace(s),
		DependsOn:        b.dependsOn(s),
		Sysctls:          b.sysctls(s),
		ExtraHosts:       b.extraHosts(s),
	}
	if found, ok := b.tree.find(at.to(labKey)); ok {
		readHostLab(value{found, at.to(labKey), b.report}, &h)
	}
	h.Forwards = len(s.Networks) > 1 && s.Sysctls[forwarding] == "1"
	h.Ready = ready(h.Program, h.Ready)
	b.checkHost(&h, s)
	b.checkVolumes(s)
	if s.User != "" && s.User != agentUser {
		b.add(at.to("user"), "a host's agent starts the program as an ordinary user; remove it")
	}
	return h
}

func (b *builder) checkHost(h *topology.Host, s types.ServiceConfig) {
	at := serviceKey(s.Name)
	if h.Hostname != h.Name {
		checkHostname(h.Hostname, at.to("hostname"), b.report)
	}
	if s.Image == "" && s.Build == nil {
		b.add(at, "Compose wants an image or a build for every service; name one")
	}
	if s.WorkingDir != "" && !path.IsAbs(s.WorkingDir) {
		b.add(at.to("working_dir"), "%q must begin with a /", s.WorkingDir)
	}
	for _, subnet := range h.Masquerade {
		if _, linked := s.Networks[subnet]; !linked {
			b.add(at.to(labKey, "masquerade", subnet), "the host is on no such subnet")
		}
	}
	if len(h.PortForwards) > 0 && !h.Forwards {
		b.add(at.to(labKey, "port-forward"), "only a router sends on what comes; give it several networks and sysctls: {%s: \"1\"}", forwarding)
	}
	if h.MasqueradePorts != "" && len(h.Masquerade) == 0 {
		b.add(at.to(labKey, "masquerade-ports"), "the host masquerades onto no subnet; name one under masquerade")
	}
	if len(h.Masquerade) > 0 && !h.Forwards {
		b.add(at.to(labKey, "masquerade"), "only a router translates addresses; give it several networks and sysctls: {%s: \"1\"}", forwarding)
	}
	b.checkForwarding6(h, s)
	if len(h.Program) == 0 && h.Ready != (topology.Ready{}) {
		b.add(at.to(labKey, "ready"), "the host has no program that could be ready; give it a command")
	}
}

// checkForwarding6 wants a router of IPv4 to be one of IPv6 as well where it is
// on several subnets that have it, and the other way round.
func (b *builder) checkForwarding6(h *topology.Host, s types.ServiceConfig) {
	subnets := 0
	for _, link := range h.Links {
		if link.Address6.IsValid() {
			subnets++
		}
	}
	at := serviceKey(s.Name).to("sysctls")
	switch forwards6 := s.Sysctls[forwarding6] == "1"; {
	case subnets < 2 || forwards6 == h.Forwards:
	case h.Forwards:
		b.add(at, "a router between IPv6 subnets needs %s: \"1\" as well", forwarding6)
	default:
		b.add(at, "what forwards IPv6 is a router, and needs %s: \"1\" as well", forwarding)
	}
}

// agentEntrypoint is how a container starts a host's agent, in images that are
// not ours foreignEntrypoint; the service's name follows, and then the program.
var (
	agentEntrypoint   = []string{"/lab", "host"}
	foreignEntrypoint = []string{run.AgentFolder + "/lab", "host"}
)

// agentUser is as whom an agent is started, whatever the image says.
const agentUser = "0"

// program is entrypoint and command, without the agent that starts it.
func (b *builder) program(s types.ServiceConfig) []string {
	at := serviceKey(s.Name)
	entrypoint := []string(s.Entrypoint)
	const own = 2
	if len(entrypoint) >= own && (slices.Equal(entrypoint[:own], agentEntrypoint) || slices.Equal(entrypoint[:own], foreignEntrypoint)) {
		entrypoint = entrypoint[own:]
		if len(entrypoint) == 0 || entrypoint[0] != s.Name {
			b.add(at.to("entrypoint"), "the agent of %s must be told this name; write entrypoint: [/lab, host, %s]", s.Name, s.Name)
			return nil
		}
		if entrypoint = entrypoint[1:]; len(entrypoint) > 0 && entrypoint[0] == "--" {
			entrypoint = entrypoint[1:]
		}
	}
	program := slices.Concat(entrypoint, s.Command)
	if len(program) > 0 && program[0] == "" {
		b.add(at.to("command"), "the program's name is empty")
	}
	return program
}

// ready says when a program is ready of which the file does not: our own say so
// themselves, the prompt always, the others where they are asked for events.
func ready(program []string, said topology.Ready) topology.Ready {
	switch {
	case said.When != "" || len(program) == 0:
		return said
	case topology.Prompts(program):
		return topology.Ready{When: topology.ReadyEvent}
	case slices.Contains([]string{"server", "client"}, path.Base(program[0])) && slices.Contains(program[1:], "--json"):
		return topology.Ready{When: topology.ReadyEvent}
	}
	return topology.Ready{When: topology.ReadySocket}
}

// variables gives those without a value that of the environment, and drops the
// ones that are not there, as Compose does.
func (b *builder) variables(s types.ServiceConfig) []string {
	var variables []string
	for name, value := range s.Environment {
		if value != nil {
			variables = append(variables, name+"="+*value)
		} else if found, ok := b.environment[name]; ok {
			variables = append(variables, name+"="+found)
		}
	}
	slices.Sort(variables)
	return variables
}

// stopSignals are the signals that end programs or that programs listen to
// (signal(7)).
var stopSignals = []string{
	"SIGABRT", "SIGALRM", "SIGCONT", "SIGHUP", "SIGINT", "SIGKILL", "SIGPIPE",
	"SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH",
}

func (b *builder) stopSignal(s types.ServiceConfig) string {
	if s.StopSignal == "" {
		return defaultStopSignal
	}
	signal := signalNamed(s.StopSignal)
	if !slices.Contains(stopSignals, signal) {
		b.add(serviceKey(s.Name).to("stop_signal"), "%q is not one of %s", s.StopSignal, strings.Join(stopSignals, ", "))
	}
	return signal
}

func (b *builder) stopGrace(s types.ServiceConfig) time.Duration {
	if s.StopGracePeriod == nil {
		return defaultStopGrace
	}
	grace := time.Duration(*s.StopGracePeriod)
	if grace < 0 {
		b.add(serviceKey(s.Name).to("stop_grace_period"), "%s is less than 0s", grace)
	}
	return grace
}

// dependsOn leaves out services that are no hosts: they take no part.
func (b *builder) dependsOn(s types.ServiceConfig) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		at := serviceKey(s.Name).to("depends_on", name)
		other, ok := b.project.Services[name]
		if !ok {
			b.add(at, "no service is called %q%s", name, suggest(name, b.project.Services))
			continue
		}
		if condition := s.DependsOn[name].Condition; condition != types.ServiceConditionStarted {
			b.add(at.to("condition"), "%s cannot be waited for; a lab knows %s only", condition, types.ServiceConditionStarted)
		}
		if other.NetworkMode != noNetwork {
			names = append(names, name)
		}
	}
	return names
}

// networkSysctl matches the settings that a network stack has for itself; all
// others are the whole machine's. Engines make paths of them.
var networkSysctl = regexp.MustCompile(`^net(\.[a-zA-Z0-9_-]+)+$`)

func (b *builder) sysctls(s types.ServiceConfig) map[string]string {
	for _, name := range slices.Sorted(maps.Keys(s.Sysctls)) {
		at, value := serviceKey(s.Name).to("sysctls", name), s.Sysctls[name]
		switch {
		case !networkSysctl.MatchString(name):
			b.add(at, "it is not a host's own setting, such as %s, but the machine's; remove it", forwarding)
		case name == forwarding6 && value != "0" && value != "1":
			b.add(at, "it must be 0 or 1, not %q", value)
		case strings.HasSuffix(name, ".forwarding") && strings.HasPrefix(name, "net.ipv4.conf."):
			b.add(at, "a router is known by %s; write that instead", forwarding)
		case name == forwarding && value != "0" && value != "1":
			b.add(at, "it must be 0 or 1, not %q", value)
		}
	}
	if len(s.Sysctls) == 0 {
		return nil
	}
	return s.Sysctls
}

func (b *builder) extraHosts(s types.ServiceConfig) map[string][]netip.Addr {
	if len(s.ExtraHosts) == 0 {
		return nil
	}
	hosts := make(map[string][]netip.Addr)
	for name, addresses := range s.ExtraHosts {
		at := serviceKey(s.Name).to("extra_hosts", name)
		checkHostname(name, at, b.report)
		for _, text := range addresses {
			address, err := netip.ParseAddr(text)
			if err != nil || address.Zone() != "" {
				b.add(at, "%q is no address", text)
			}
			hosts[name] = append(hosts[name], address)
		}
	}
	return hosts
}

// control is where a container's agent reaches the judge. No program can use it,
// and other engines have no use for it.
const control = "/control"

func (b *builder) checkVolumes(s types.ServiceConfig) {
	at := serviceKey(s.Name).to("volumes")
	for _, volume := range s.Volumes {
		target := path.Clean(volume.Target)
		if volume.Type != types.VolumeTypeTmpfs && target != control && target != run.AgentFolder {
			b.add(at, "the program would miss %s where there are no containers; mount nothing but %s", target, control)
		}
	}
}

// maxName is what one label of a host name may have (RFC 1035, section 2.3.4).
const maxName = 63

// safeName matches what can be a host's name, and the beginning of a file's on
// any system: no dot, as files are called HOST.witness.jsonl, and no hyphen in
// front, as names become arguments.
var safeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]*$`)

func checkName(name string, refuse func(format string, args ...any)) {
	switch {
	case len(name) > maxName:
		refuse("the name has %d characters; the most a name may have is %d", len(name), maxName)
	case !safeName.MatchString(name):
		refuse("%q cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit", name)
	}
}

// domainName matches host names with dots in them (RFC 1123, section 2.1).
var domainName = regexp.MustCompile(`^[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*$`)

func checkHostname(name string, k key, r *report) {
	if len(name) > maxName || !domainName.MatchString(name) {
		r.add(k, "%q is no host name of at most %d characters", name, maxName)
	}
}
