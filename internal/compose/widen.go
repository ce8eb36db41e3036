package compose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Widen returns the lab with exactly n clients. It keeps the first n, and
// takes with the others what served only them: subnets and routers. If there
// are fewer than n it adds copies of the last one, each on a subnet of its
// own: a /28 in the /16 around the last client's subnet, joined by the routers
// that join that one. The copies of client3 on campus are client4 on campus-4
// and so on, with the same program. The lab's limit grows and shrinks by half
// a second for each client.
//
// It is an error to ask for less than one client or for more than the /16 has
// room for, and to widen a lab without clients, or one whose last client is
// not on one subnet with a router.
func Widen(l *Lab, n int) (*Lab, error) {
	widened, err := widen(l, n)
	if err != nil {
		return nil, fmt.Errorf("widen %s to %d clients: %w", l.Name, n, err)
	}
	return widened, nil
}

func widen(l *Lab, n int) (*Lab, error) {
	switch {
	case n < 1:
		return nil, fmt.Errorf("a lab has at least 1")
	case len(l.Clients) == 0:
		return nil, fmt.Errorf("the lab names no clients under x-lab, so there is none to copy")
	}
	r := &report{file: l.Name}
	d := draft{lab: l, file: read(composeFile{name: l.Name, data: l.Source}, r)}
	if d.file == nil {
		return nil, r.err()
	}
	d.keep(min(n, len(l.Clients)))
	if err := d.grow(n - len(l.Clients)); err != nil {
		return nil, err
	}
	limit := l.Limit + time.Duration(n-len(l.Clients))*perClient
	mapping(d.file, labKey)["limit"] = max(limit, leastLimit).String()
	// The loader takes milliseconds for every service, and has seen them.
	r.at = positions{}
	widened := build(d.file, l.Name, nil, r)
	return widened, r.err()
}

// A draft is the model of a lab's source while it is changed.
type draft struct {
	lab  *Lab
	file map[string]any
}

func (d draft) service(name string) map[string]any { return mapping(d.file, "services", name) }

// grow adds copies of the last client.
func (d draft) grow(more int) error {
	if more <= 0 {
		return nil
	}
	o, err := d.original()
	if err != nil {
		return err
	}
	free := freeSubnets(d.lab, o.link.Address)
	if more > len(free) {
		return fmt.Errorf("the most that fits into %s is %d", around(o.link.Address), len(d.lab.Clients)+len(free))
	}
	clients := slices.Clone(d.lab.Clients)
	for _, subnet := range free[:more] {
		o.number = d.unused(o)
		d.addClient(o, subnet)
		clients = append(clients, o.client())
	}
	mapping(d.file, labKey)["clients"] = anyList(clients)
	return nil
}

// perClient is how much longer a run may take for each client more: several
// times what it takes on a small machine that has nothing else to do.
const perClient = 500 * time.Millisecond

// An original is what copies are made of.
type original struct {
	host    *Host
	link    Link
	routers []string // on the link's subnet, in the order of their names
	base    string   // the host's name without its number
	number  int
}

func (o original) client() string { return o.base + strconv.Itoa(o.number) }

func (o original) subnet() string { return o.link.Subnet + "-" + strconv.Itoa(o.number) }

func (d draft) original() (original, error) {
	name := d.lab.Clients[len(d.lab.Clients)-1]
	host, _ := d.lab.Host(name)
	if len(host.Links) != 1 {
		return original{}, fmt.Errorf("its last client, %s, is on %d subnets; only a client on one can be copied", name, len(host.Links))
	}
	o := original{host: host, link: host.Links[0], base: strings.TrimRight(name, "0123456789"), number: len(d.lab.Clients)}
	if number, err := strconv.Atoi(strings.TrimPrefix(name, o.base)); err == nil {
		o.number = number
	}
	for _, h := range d.lab.Hosts {
		if h.Forwards && slices.ContainsFunc(h.Links, func(l Link) bool { return l.Subnet == o.link.Subnet }) {
			o.routers = append(o.routers, h.Name)
		}
	}
	switch most := maxRouters(); {
	case len(o.routers) == 0:
		return original{}, fmt.Errorf("no router is on %s with its last client, %s, so a copy elsewhere would reach nobody", o.link.Subnet, name)
	case len(o.routers) > most:
		return original{}, fmt.Errorf("%d routers are on %s, and a new subnet has room for %d", len(o.routers), o.link.Subnet, most)
	}
	return o, nil
}

// unused is the next number that makes new names.
func (d draft) unused(o original) int {
	for {
		o.number++
		_, host := mapping(d.file, "services")[o.client()]
		_, subnet := mapping(d.file, "networks")[o.subnet()]
		if !host && !subnet {
			return o.number
		}
	}
}

func (d draft) addClient(o original, free freeSubnet) {
	network := duplicate(mapping(d.file, "networks", o.link.Subnet))
	network["ipam"] = map[string]any{"config": []any{map[string]any{"subnet": free.prefix.String()}}}
	delete(network, "name")
	mapping(d.file, "networks")[o.subnet()] = network

	client := duplicate(d.service(o.host.Name))
	client["networks"] = map[string]any{o.subnet(): map[string]any{"ipv4_address": free.client().String()}}
	// Names are one container's or one host's only.
	delete(client, "container_name")
	delete(client, "hostname")
	mapping(d.file, "services")[o.client()] = client

	for i, name := range o.routers {
		router := d.service(name)
		mapping(router, "networks")[o.subnet()] = map[string]any{"ipv4_address": free.router(i).String()}
		if masquerade, ok := mapping(router, labKey)["masquerade"].([]any); ok && slices.Contains(masquerade, any(o.link.Subnet)) {
			mapping(router, labKey)["masquerade"] = append(masquerade, o.subnet())
		}
	}
}

func duplicate(whole map[string]any) map[string]any {
	double, _ := copied(whole, func(text string) string { return text }).(map[string]any)
	return double
}
