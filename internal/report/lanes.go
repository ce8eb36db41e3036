package report

import (
	"cmp"
	"slices"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// lanes is a lab put in order for drawing: subnets one below the other, hosts
// with one link inside their subnet, and hosts with several links in columns
// beside them, each as long as from its first subnet to its last.
//
//	          ┌ home ────────────────┐
//	┌ router ┐│ server               │
//	│        │└──────────────────────┘
//	│        │┌ cafe ────────────────┐
//	└────────┘│ client1              │
//	          └──────────────────────┘
type lanes struct {
	subnets []*topology.Subnet
	single  map[string][]*topology.Host // by subnet
	columns [][]*topology.Host          // hosts that share a column do not meet
}

// lanesOf begins with the server's subnet and goes on to what is near to it:
// first the subnets of the lab's clients, in their order.
func lanesOf(lab *topology.Lab) lanes {
	l := lanes{single: make(map[string][]*topology.Host)}
	var multiple []*topology.Host
	for i := range lab.Hosts {
		switch h := &lab.Hosts[i]; len(h.Links) {
		case 0:
		case 1:
			l.single[h.Links[0].Subnet] = append(l.single[h.Links[0].Subnet], h)
		default:
			multiple = append(multiple, h)
		}
	}
	l.order(lab, multiple)
	l.pack(multiple)
	return l
}

func (l *lanes) order(lab *topology.Lab, multiple []*topology.Host) {
	queue := byClients(lab)
	if server, ok := lab.Host(lab.Server); ok {
		queue = append(subnetNames(server), queue...)
	}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		subnet, ok := lab.Subnet(name)
		if !ok || l.index(name) >= 0 {
			continue
		}
		l.subnets = append(l.subnets, subnet)
		var near []string
		for _, h := range multiple {
			if names := subnetNames(h); slices.Contains(names, name) {
				near = append(near, names...)
			}
		}
		queue = append(inOrderOf(near, byClients(lab)), queue...)
	}
}

// byClients are the names of all subnets: those of the lab's clients in the
// clients' order, and then the others.
func byClients(lab *topology.Lab) []string {
	var names []string
	for _, client := range lab.Clients {
		if h, ok := lab.Host(client); ok {
			names = append(names, subnetNames(h)...)
		}
	}
	for _, s := range lab.Subnets {
		names = append(names, s.Name)
	}
	return names
}

func inOrderOf(names, order []string) []string {
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
	})
	return names
}

func subnetNames(h *topology.Host) []string {
	names := make([]string, len(h.Links))
	for i, link := range h.Links {
		names[i] = link.Subnet
	}
	return names
}

func (l *lanes) index(subnet string) int {
	return slices.IndexFunc(l.subnets, func(s *topology.Subnet) bool { return s.Name == subnet })
}

// span is the first and the last lane that a host has links to.
func (l *lanes) span(h *topology.Host) (first, last int) {
	first = len(l.subnets)
	for _, link := range h.Links {
		i := l.index(link.Subnet)
		first, last = min(first, i), max(last, i)
	}
	return first, last
}

// pack gives each host with several links the first column that is free there.
func (l *lanes) pack(multiple []*topology.Host) {
	slices.SortStableFunc(multiple, func(a, b *topology.Host) int {
		firstA, _ := l.span(a)
		firstB, _ := l.span(b)
		return cmp.Compare(firstA, firstB)
	})
	for _, h := range multiple {
		first, _ := l.span(h)
		free := slices.IndexFunc(l.columns, func(column []*topology.Host) bool {
			_, last := l.span(column[len(column)-1])
			return last < first
		})
		if free < 0 {
			l.columns = append(l.columns, nil)
			free = len(l.columns) - 1
		}
		l.columns[free] = append(l.columns[free], h)
	}
}
