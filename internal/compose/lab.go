package compose

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A builder makes a lab of a project and reports what keeps it from being one.
type builder struct {
	*report
	project     *types.Project
	environment map[string]string
	hosts       map[string]bool              // the services that are hosts
	reserved    map[netip.Addr]string        // by address: the subnet whose gateway it is
	owners      map[netip.Addr]string        // by address: the host that has it
	prefixes    map[string]netip.Prefix      // by network, the valid ones
	macs        map[string]map[string]string // by network and address: the host that has it
}

func newBuilder(project *types.Project, environment map[string]string, r *report) *builder {
	return &builder{
		report: r, project: project, environment: environment, hosts: make(map[string]bool),
		reserved: make(map[netip.Addr]string), owners: make(map[netip.Addr]string),
		prefixes: make(map[string]netip.Prefix), macs: make(map[string]map[string]string),
	}
}

// lab returns a lab that is one only if the report is empty in the end.
func (b *builder) lab(name string) *topology.Lab {
	value, ok := b.project.Extensions[labKey]
	if !ok {
		b.addAt(0, nil, "it is no lab; add what a lab asks and claims, for instance x-lab: {server: SERVICE, port: 12000, clients: [SERVICE], claims: [one-port]}")
		return nil
	}
	lab := readLab(value, name, b.report)
	b.subnets(lab)
	names := b.hostNames()
	for _, name := range names {
		lab.Hosts = append(lab.Hosts, b.host(b.project.Services[name]))
	}
	b.checkOrder()
	b.checkExperiment(lab)
	if b.empty() {
		topology.ComputeRoutes(lab)
		lab.Steps = topology.DefaultSteps(lab.Hosts)
	}
	return lab
}

// hostNames are the services on networks, in their order; services with
// network_mode none are no hosts.
func (b *builder) hostNames() []string {
	for name, service := range b.project.Services {
		if service.NetworkMode != noNetwork {
			b.hosts[name] = true
		} else if len(service.Networks) > 0 {
			b.add(serviceKey(name).to("network_mode"), "the service has networks as well; remove one or the other")
		}
	}
	names := slices.Sorted(maps.Keys(b.hosts))
	for _, name := range names {
		checkName(name, serviceKey(name), b.report)
	}
	if len(names) == 0 {
		b.add(key{"services"}, "a lab has at least one host, a service that is on a network")
	}
	return names
}

// checkExperiment wants hosts where x-lab names them, and whatever claims are
// about.
func (b *builder) checkExperiment(lab *topology.Lab) {
	at := key{labKey}
	wantHost := func(name string, k key) {
		if name != "" && !b.hosts[name] {
			b.add(k, "no host is called %q", name)
		}
	}
	wantHost(lab.Server, at.to("server"))
	for _, client := range lab.Clients {
		wantHost(client, at.to("clients", client))
	}
	if len(lab.Claims) == 0 {
		return
	}
	want := func(there bool, name, reason string) {
		if !there && !b.blames(at.to(name)) {
			b.add(at.to("claims"), "%s", reason)
		}
	}
	want(lab.Server != "", "server", "claims are about a server's sockets; name the host under x-lab.server")
	want(lab.Port != 0, "port", "claims are about a port; name it under x-lab.port")
	want(len(lab.Clients) > 0, "clients", "claims are about clients' connections; name the hosts under x-lab.clients")
}

// checkOrder wants an order in which Compose can start the services, those
// that are no hosts among them.
func (b *builder) checkOrder() {
	type state int
	const (
		open state = iota + 1 // it waits for the service in question
		done                  // no circle is reached from it
	)
	states := make(map[string]state)
	var circle []string
	var visit func(name string) bool
	visit = func(name string) bool { // false once a circle is found
		switch states[name] {
		case done:
			return true
		case open:
			circle = append(circle, name)
			return false
		}
		states[name] = open
		for _, other := range slices.Sorted(maps.Keys(b.project.Services[name].DependsOn)) {
			if !visit(other) {
				if len(circle) == 1 || circle[0] != circle[len(circle)-1] {
					circle = append(circle, name)
				}
				return false
			}
		}
		states[name] = done
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(b.project.Services)) {
		if !visit(name) {
			slices.Reverse(circle)
			b.add(serviceKey(circle[0]).to("depends_on", circle[1]), "services wait for each other: %s", strings.Join(circle, " → "))
			return
		}
	}
}
