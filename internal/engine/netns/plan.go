package netns

import (
	"fmt"
	"net"
	"slices"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A plan is everything that Build does, as a value: stages one after another.
type plan []stage

// A stage is a list of tasks that do not depend on each other.
type stage struct {
	name  string
	tasks []task
}

// A task is a list of steps, done in order by one thread in one host's
// namespace.
type task struct {
	host  string
	steps []step
}

// A step is one thing that is done to the kernel.
type step interface{ fmt.Stringer }

// theSwitch is the host that has no programs: the run's own namespace, which
// holds the bridges. No service can have this name.
const theSwitch = "(switch)"

// newPlan returns what has to be done for the lab. It is an error if the lab
// asks for what a host cannot have.
func newPlan(l *topology.Lab) (plan, error) {
	wiring, err := newWiring(l)
	if err != nil {
		return nil, err
	}
	var born, configured []task
	for i := range l.Hosts {
		h := &l.Hosts[i]
		early, late, err := sysctlSteps(h)
		if err != nil {
			return nil, err
		}
		born = append(born, birth(h, early))
		finish, err := finish(h, wiring, late)
		if err != nil {
			return nil, err
		}
		configured = append(configured, finish)
	}
	return plan{
		{"switch", []task{switchTask()}},
		{"namespaces", born},
		{"wires", wiring.tasks},
		{"hosts", configured},
		{"settle", wiring.settle()},
	}, nil
}

// switchTask makes the namespace that is the parent of all others. Namespaces
// that are made from it get a TCP hash table of their own, so that listing a
// host's sockets does not walk those of the whole machine.
func switchTask() task {
	return task{theSwitch, []step{
		namespaceStep{theSwitch},
		sysctlStep{key: "net.ipv4.tcp_child_ehash_entries", value: hashEntries, optional: true},
		noIPv6,
		upStep{loopback},
	}}
}

// hashEntries is the size of a host's TCP hash table. The kernel also keeps
// half as many sockets in TIME_WAIT at most, unless net.ipv4.tcp_max_tw_buckets
// says otherwise.
const hashEntries = "4096"

// noIPv6 keeps a host from talking IPv6 to its neighbours on its own, which
// would be seen in every capture.
var noIPv6 = sysctlStep{key: "net.ipv6.conf.all.disable_ipv6", value: "1", optional: true}

// birth makes a host without interfaces. Whether it forwards is always said:
// otherwise it does as the machine does.
func birth(h *topology.Host, early []step) task {
	const forward = "net.ipv4.ip_forward"
	steps := []step{namespaceStep{h.Name}, noIPv6}
	if _, asked := h.Sysctls[forward]; !asked {
		steps = append(steps, sysctlStep{key: forward, value: map[bool]string{false: "0", true: "1"}[h.Forwards]})
	}
	steps = append(steps, early...)
	return task{h.Name, append(steps, upStep{loopback})}
}

// finish is what is done on a host whose interfaces exist.
func finish(h *topology.Host, w *wiring, late []step) (task, error) {
	var steps []step
	for i, link := range h.Links {
		i := ethernet(i)
		if !w.near[socket{h.Name, i}] {
			steps = append(steps, upStep{i})
		}
		steps = append(steps, addressStep{i, link.Address})
	}
	for _, r := range h.Routes {
		steps = append(steps, routeStep(r))
	}
	steps = append(steps, late...)
	var outside []string
	for _, subnet := range h.Masquerade {
		i := slices.IndexFunc(h.Links, func(l topology.Link) bool { return l.Subnet == subnet })
		if i < 0 {
			return task{}, fmt.Errorf("masquerade of %s: it is not on subnet %s", h.Name, subnet)
		}
		outside = append(outside, ethernet(i).name)
	}
	if len(outside) > 0 {
		steps = append(steps, masqueradeStep{outside})
	}
	return task{h.Name, steps}, nil
}

// An iface is an interface of one namespace.
type iface struct {
	name  string
	index int
}

// loopback is in every namespace from its beginning.
var loopback = iface{"lo", 1}

// ethernet is a host's interface on its i-th link.
func ethernet(i int) iface { return iface{fmt.Sprintf("eth%d", i), i + 2} }

// mac is the link's MAC address: the one that was asked for, else 02:42 and
// the IPv4 address, as in Docker's networks.
func mac(l topology.Link) (net.HardwareAddr, error) {
	if l.MAC == "" {
		a := l.Address.Addr().As4()
		return net.HardwareAddr{0x02, 0x42, a[0], a[1], a[2], a[3]}, nil
	}
	m, err := net.ParseMAC(l.MAC)
	if err == nil && len(m) != 6 {
		err = fmt.Errorf("address %s: not an Ethernet address", l.MAC)
	}
	return m, err
}
