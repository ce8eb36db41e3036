package netns

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A wiring is how the hosts of a lab are joined.
type wiring struct {
	tasks []task // one a subnet, all in the switch
	// near has the ends of wires that are up from the beginning.
	near map[socket]bool
	// ports counts the interfaces of the switch.
	ports int
}

// A socket is where a wire is plugged in.
type socket struct {
	host  string
	iface iface
}

// A member is a host's link on a subnet.
type member struct {
	host *topology.Host
	end  end
}

func newWiring(l *topology.Lab) (*wiring, error) {
	members, err := membersOf(l)
	if err != nil {
		return nil, err
	}
	w := &wiring{near: make(map[socket]bool), ports: loopback.index}
	for i, s := range l.Subnets {
		var steps []step
		switch m := members[s.Name]; len(m) {
		case 0:
			continue
		case 2:
			steps = w.direct(m[0], m[1])
		default:
			steps = w.bridged(i, m)
		}
		w.tasks = append(w.tasks, task{theSwitch, steps})
	}
	return w, nil
}

// membersOf returns each subnet's members, in the order of the hosts' names.
func membersOf(l *topology.Lab) (map[string][]member, error) {
	members := make(map[string][]member)
	for i := range l.Hosts {
		h := &l.Hosts[i]
		for j, link := range h.Links {
			if !link.Address.Addr().Is4() {
				return nil, fmt.Errorf("%s on %s: %s is no IPv4 address", h.Name, link.Subnet, link.Address)
			}
			if _, ok := l.Subnet(link.Subnet); !ok {
				return nil, fmt.Errorf("%s: there is no subnet %s", h.Name, link.Subnet)
			}
			m, err := mac(link)
			if err != nil {
				return nil, fmt.Errorf("%s on %s: %w", h.Name, link.Subnet, err)
			}
			members[link.Subnet] = append(members[link.Subnet], member{h, end{h.Name, ethernet(j), m}})
		}
	}
	return members, nil
}

// direct joins two hosts by a veth pair. Its near end is at the host with more
// links, so that few hosts are left to settle.
func (w *wiring) direct(a, b member) []step {
	if len(a.host.Links) < len(b.host.Links) {
		a, b = b, a
	}
	w.near[socket{a.host.Name, a.end.iface}] = true
	return []step{wireStep{near: a.end, far: b.end}}
}

// bridged joins hosts by a bridge in the switch; one host alone gets a wire
// that ends there.
func (w *wiring) bridged(subnet int, members []member) []step {
	var steps []step
	var bridge iface
	if len(members) > 1 {
		bridge = w.port(fmt.Sprintf("br%d", subnet))
		steps = append(steps, bridgeStep{bridge})
	}
	for i, m := range members {
		port := w.port(fmt.Sprintf("p%d.%d", subnet, i))
		w.near[socket{theSwitch, port}] = true
		steps = append(steps, wireStep{near: end{theSwitch, port, nil}, far: m.end, bridge: bridge})
	}
	return steps
}

// port returns the switch's next interface.
func (w *wiring) port(name string) iface {
	w.ports++
	return iface{name, w.ports}
}

// settle waits for the near ends.
func (w *wiring) settle() []task {
	interfaces := make(map[string][]iface)
	for near := range w.near {
		interfaces[near.host] = append(interfaces[near.host], near.iface)
	}
	var tasks []task
	for _, host := range slices.Sorted(maps.Keys(interfaces)) {
		slices.SortFunc(interfaces[host], func(a, b iface) int { return cmp.Compare(a.index, b.index) })
		tasks = append(tasks, task{host, []step{settleStep{interfaces[host]}}})
	}
	return tasks
}
