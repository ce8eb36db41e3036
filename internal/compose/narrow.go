package compose

import (
	"maps"
	"slices"
)

// keep leaves the first n clients in the draft.
func (d draft) keep(n int) {
	for _, name := range d.lab.Clients[n:] {
		d.removeHost(name)
	}
	mapping(d.file, labKey)["clients"] = anyList(d.lab.Clients[:n])
}

// removeHost takes a host out, and then the subnets that served only it.
func (d draft) removeHost(name string) {
	subnets := slices.Sorted(maps.Keys(mapping(d.service(name), "networks")))
	delete(mapping(d.file, "services"), name)
	for other := range mapping(d.file, "services") {
		delete(mapping(d.service(other), "depends_on"), name)
	}
	for _, subnet := range subnets {
		d.prune(subnet)
	}
}

// prune takes a subnet out if at most one router is left on it, and that
// router, too, if it then has nothing left to connect.
func (d draft) prune(subnet string) {
	var left []string
	for _, h := range d.lab.Hosts {
		if _, on := mapping(d.service(h.Name), "networks")[subnet]; !on {
			continue
		}
		if left = append(left, h.Name); !h.Forwards || len(left) > 1 {
			return
		}
	}
	delete(mapping(d.file, "networks"), subnet)
	for _, router := range left {
		d.unlink(router, subnet)
	}
}

func (d draft) unlink(router, subnet string) {
	service := d.service(router)
	delete(mapping(service, "networks"), subnet)
	if masquerade, ok := mapping(service, labKey)["masquerade"].([]any); ok {
		mapping(service, labKey)["masquerade"] = slices.DeleteFunc(masquerade, func(name any) bool { return name == subnet })
	}
	if len(mapping(service, "networks")) < 2 && !d.isNamed(router) {
		d.removeHost(router)
	}
}

// isNamed says that x-lab names the host, and hence needs it.
func (d draft) isNamed(host string) bool {
	return host == d.lab.Server || slices.Contains(d.lab.Clients, host)
}
