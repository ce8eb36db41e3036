package compose

import (
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Docker's defaults, which hold for every engine.
const (
	defaultStopSignal = "SIGTERM"
	defaultStopGrace  = 10 * time.Second
)

const forwarding = "net.ipv4.ip_forward"

// host reads a service that is one.
func (b *builder) host(s types.ServiceConfig) Host {
	added := b.additions[s.Name]
	h := Host{
		Name: s.Name, Hostname: s.Hostname, Image: s.Image,
		Links:            b.links(s),
		Program:          slices.Concat(s.Entrypoint, s.Command),
		Environment:      b.environment(s),
		WorkingDirectory: s.WorkingDir,
		StopSignal:       b.stopSignal(s),
		StopGrace:        b.stopGrace(s),
		DependsOn:        b.dependsOn(s),
		Sysctls:          b.sysctls(s),
		ExtraHosts:       b.extraHosts(s),
		Masquerade:       added.masquerade,
		CaptureAfter:     added.captureAfter,
	}
	h.Forwards = len(s.Networks) > 1 && s.Sysctls[forwarding] == "1"
	b.checkHost(&h, s)
	b.checkVolumes(s)
	return h
}

func (b *builder) checkHost(h *Host, s types.ServiceConfig) {
	at := serviceKey(s.Name)
	if h.Hostname == "" {
		h.Hostname = h.Name
	} else {
		checkHostname(h.Hostname, at.to("hostname"), b.report)
	}
	if s.Image == "" && s.Build == nil {
		b.add(at, "Compose wants an image or a build for every service; name one")
	}
	if s.WorkingDir != "" && !path.IsAbs(s.WorkingDir) {
		b.add(at.to("working_dir"), "%q must begin with a /", s.WorkingDir)
	}
	if len(h.Program) > 0 && h.Program[0] == "" {
		b.add(at.to("command"), "the program's name is empty")
	}
	for _, subnet := range h.Masquerade {
		if _, linked := s.Networks[subnet]; !linked {
			b.add(at.to(labKey, "masquerade", subnet), "the host is on no such subnet")
		}
	}
	if len(h.Masquerade) > 0 && !h.Forwards {
		b.add(at.to(labKey, "masquerade"), "only a router translates addresses; give it several networks and sysctls: {%s: \"1\"}", forwarding)
	}
}

func (b *builder) environment(s types.ServiceConfig) []string {
	var environment []string
	for name, value := range s.Environment {
		if name == "" || strings.Contains(name, "=") {
			b.add(serviceKey(s.Name).to("environment", name), "%q cannot name a variable", name)
		}
		if value != nil {
			environment = append(environment, name+"="+*value)
		}
	}
	slices.Sort(environment)
	return environment
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
	signal := "SIG" + strings.TrimPrefix(strings.ToUpper(s.StopSignal), "SIG")
	if !slices.Contains(stopSignals, signal) {
		b.add(serviceKey(s.Name).to("stop_signal"), "%q is not one of %s", s.StopSignal, list(stopSignals))
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
			b.add(at, "no service is called %q", name)
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
		case strings.HasSuffix(name, ".forwarding") && strings.HasPrefix(name, "net.ipv4.conf."):
			b.add(at, "a router is known by %s; write that instead", forwarding)
		case name == forwarding && value != "0" && value != "1":
			b.add(at, "it must be 0 or 1, not %q", value)
		}
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
			if err != nil || !address.Is4() {
				b.add(at, "%q is no IPv4 address", text)
			}
			hosts[name] = append(hosts[name], address)
		}
	}
	return hosts
}

// runFiles are what the agent of a container uses: the run's folder and the
// lab. Other engines have them at hand.
var runFiles = []string{"/runs", "/lab.yml"}

func (b *builder) checkVolumes(s types.ServiceConfig) {
	at := serviceKey(s.Name).to("volumes")
	seen := make(map[string]bool)
	for _, volume := range s.Volumes {
		target := path.Clean(volume.Target)
		if volume.Type != types.VolumeTypeTmpfs && !slices.Contains(runFiles, target) {
			b.add(at, "the program would miss %s where there are no containers; mount nothing but %s", target, list(runFiles))
		}
		if seen[target] {
			b.add(at, "two volumes are mounted on %s; remove one", target)
		}
		seen[target] = true
	}
}

// list reads "a, b and c".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
