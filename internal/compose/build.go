package compose

import (
	"net/netip"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// A builder makes a Lab of a model and reports what keeps it from being one.
type builder struct {
	*report
	project   *types.Project
	additions map[string]addition          // by service
	reserved  map[netip.Addr]string        // by address: the subnet whose gateway it is
	owners    map[netip.Addr]string        // by address: the host that has it
	prefixes  map[string]netip.Prefix      // by network, the valid ones
	macs      map[string]map[string]string // by network and address: the host that has it
	names     []string                     // of the services that are hosts, sorted
}

// build returns the lab only if the report is empty in the end.
func build(model map[string]any, name string, environment map[string]string, r *report) *Lab {
	resolveEnvironment(model, environment)
	b := &builder{
		report: r, additions: make(map[string]addition), owners: make(map[netip.Addr]string),
		reserved: make(map[netip.Addr]string), prefixes: make(map[string]netip.Prefix),
		macs: make(map[string]map[string]string),
	}
	e := b.extensions(model, name)
	lab := &Lab{
		Name: e.name, Question: e.question, Server: e.server, Port: e.port,
		Clients: e.clients, Claims: e.claims, Limit: e.limit,
	}
	var err error
	if lab.Source, err = print(model); err == nil {
		b.project, err = projectOf(model)
	}
	if err != nil {
		r.addLoader(err)
		return nil
	}
	b.fill(lab)
	return lab
}

// extensions reads x-lab, at the top and in services, and puts it back with
// its defaults.
func (b *builder) extensions(model map[string]any, name string) experiment {
	e := readExperiment(model[labKey], name, b.report)
	model[labKey] = e.yaml()
	for name := range mapping(model, "services") {
		service := mapping(model, "services", name)
		if isOutside(service) {
			continue
		}
		k := serviceKey(name).to(labKey)
		b.additions[name] = readAddition(service[labKey], k, b.report)
		if file := b.additions[name].yaml(); len(file) > 0 {
			service[labKey] = file
		} else {
			delete(service, labKey)
		}
	}
	for name := range mapping(model, "networks") {
		if _, ok := mapping(model, "networks", name)[labKey]; ok {
			b.add(networkKey(name).to(labKey), "it has a meaning in services and at the top only; remove it")
		}
	}
	return e
}

func (b *builder) fill(lab *Lab) {
	b.subnets(lab)
	for name, service := range b.project.Services {
		if service.NetworkMode != noNetwork {
			b.names = append(b.names, name)
		} else if len(service.Networks) > 0 {
			b.add(serviceKey(name).to("network_mode"), "the service has networks as well; remove one or the other")
		}
	}
	slices.Sort(b.names)
	checkNames(b.names, serviceKey, b.report)
	if len(b.names) == 0 {
		b.add(key{"services"}, "a lab has at least one host, a service that is on a network")
	}
	for _, name := range b.names {
		lab.Hosts = append(lab.Hosts, b.host(b.project.Services[name]))
	}
	b.checkOrder()
	b.checkExperiment(lab)
	if b.empty() {
		route(lab)
	}
}

// checkExperiment wants hosts where x-lab names them, and whatever claims are
// about.
func (b *builder) checkExperiment(lab *Lab) {
	at := key{labKey}
	b.wantHost(lab.Server, at.to("server"))
	for _, client := range lab.Clients {
		b.wantHost(client, at.to("clients", client))
	}
	if len(lab.Claims) == 0 {
		return
	}
	b.want(lab.Server != "", "server", "claims are about a server's sockets; name the host under x-lab.server")
	b.want(lab.Port != 0, "port", "claims are about a port; name it under x-lab.port")
	b.want(len(lab.Clients) > 0, "clients", "claims are about clients' connections; name the hosts under x-lab.clients")
}

func (b *builder) want(there bool, name, reason string) {
	if !there && !b.blames(key{labKey, name}) {
		b.add(key{labKey, "claims"}, "%s", reason)
	}
}

func (b *builder) wantHost(name string, k key) {
	if name != "" && !slices.Contains(b.names, name) {
		b.add(k, "no host is called %q", name)
	}
}
