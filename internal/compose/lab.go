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
	project *types.Project
	hosts   map[string]bool            // the services that are hosts
	subnets map[string]topology.Subnet // by name, the valid ones
	owners  map[netip.Addr]string      // by address: the host that has it
}

// lab returns a lab that is one only if the report is empty in the end.
func (b *builder) lab(name string) *topology.Lab {
	top, ok := b.tree.find(key{labKey})
	if !ok {
		b.addAt(b.nowhere(), nil, "it is no lab; add what a lab asks and claims, for instance x-lab: {claims: {one-port: {of: 'SERVICE:12000'}}}")
		return nil
	}
	lab := readLab(value{top, key{labKey}, b.report}, name)
	b.readSubnets(lab)
	names := b.hostNames()
	for _, name := range names {
		lab.Hosts = append(lab.Hosts, b.host(b.project.Services[name]))
	}
	b.checkOrder()
	b.checkNamed(lab)
	b.readSteps(lab)
	if b.empty() {
		topology.ComputeRoutes(lab)
		topology.NameHosts(lab)
	}
	return lab
}

// readSteps reads the lab's steps, or gives it those of a lab that names none.
func (b *builder) readSteps(lab *topology.Lab) {
	if steps, ok := b.tree.find(stepsKey); ok {
		if len(lab.Hosts) == len(b.hosts) {
			lab.Steps, b.steps = readSteps(value{steps, stepsKey, b.report}, lab)
		}
		return
	}
	lab.Steps = topology.DefaultSteps(lab.Hosts)
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
		checkName(name, func(format string, args ...any) { b.addName(serviceKey(name), format, args...) })
	}
	if len(names) == 0 {
		b.add(key{"services"}, "a lab has at least one host, a service that is on a network")
	}
	return names
}

// checkNamed wants hosts where x-lab names them.
func (b *builder) checkNamed(lab *topology.Lab) {
	at := key{labKey}
	for _, client := range lab.Clients {
		if !b.hosts[client] {
			b.add(at.to("clients", client), "no host is called %q%s", client, suggest(client, b.hosts))
		}
	}
}

// checkOrder wants an order in which Compose can start the services, those
// that are no hosts among them.
func (b *builder) checkOrder() {
	waiting := maps.Clone(b.project.Services)
	for before := 0; before != len(waiting); {
		before = len(waiting)
		maps.DeleteFunc(waiting, func(_ string, s types.ServiceConfig) bool {
			for name := range s.DependsOn {
				if _, ok := waiting[name]; ok {
					return false
				}
			}
			return true
		})
	}
	if names := slices.Sorted(maps.Keys(waiting)); len(names) > 0 {
		b.add(serviceKey(names[0]).to("depends_on"), "services wait for each other, and none could start first: %s", strings.Join(names, ", "))
	}
}
