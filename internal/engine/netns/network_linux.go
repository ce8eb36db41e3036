package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Network is a lab that is real: its hosts and what joins them. Its methods
// may be called from any goroutine.
type Network struct {
	hosts     map[string]*Host
	onSubnets map[string][]neighbour // by subnet
	starter   *starter

	mu sync.Mutex
	// files are the hosts' namespaces; first has them in the order in which
	// they were made, and before them the bridges'.
	files     map[string]*os.File
	first     []*os.File
	processes map[*process]bool
	closed    bool
	reapers   sync.WaitGroup
}

// A neighbour is a host on a subnet, as it stands in /etc/hosts.
type neighbour struct {
	name    string
	address netip.Addr
}

// A Host is a host of a Network; it is an agent.Namespace.
type Host struct {
	network *Network
	asked   *topology.Host
}

// errClosed is for who comes after Close.
var errClosed = errors.New("the network is closed")

func newNetwork(l *topology.Lab) *Network {
	n := &Network{
		hosts:     make(map[string]*Host, len(l.Hosts)),
		onSubnets: make(map[string][]neighbour, len(l.Subnets)),
		starter:   newStarter(),
		files:     make(map[string]*os.File, len(l.Hosts)),
		processes: make(map[*process]bool),
	}
	for i := range l.Hosts {
		h := &l.Hosts[i]
		n.hosts[h.Name] = &Host{network: n, asked: h}
		for _, link := range h.Links {
			n.onSubnets[link.Subnet] = append(n.onSubnets[link.Subnet], neighbour{h.Name, link.Address.Addr()})
		}
	}
	return n
}

// Host returns the host of that name, nil if the lab has none.
func (n *Network) Host(name string) *Host { return n.hosts[name] }

// Do runs f on an OS thread in the host's network namespace and returns f's
// error. Sockets that f opens stay in that namespace and may be used from
// anywhere. It is an error if the network is closed.
func (h *Host) Do(f func() error) error {
	file, err := h.namespace()
	if err != nil {
		return fmt.Errorf("enter %s: %w", h.asked.Name, err)
	}
	return inNamespace(file, f)
}

// namespace is the host's network namespace.
func (h *Host) namespace() (*os.File, error) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	if h.network.closed {
		return nil, errClosed
	}
	return h.network.files[h.asked.Name], nil
}

// keep registers a host's namespace, or with an empty name the bridges', with
// Close.
func (n *Network) keep(host string, file *os.File) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.first = append(n.first, file)
	n.files[host] = file
}

// adopt registers a new process with Close and waits for it from now on. A
// network that is closed kills it instead.
func (n *Network) adopt(p *process) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		go p.reap()
		return errors.Join(errClosed, p.kill())
	}
	n.processes[p] = true
	n.reapers.Go(func() {
		p.reap()
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.processes, p)
	})
	return nil
}

// Close kills the programs that still run, waits for their ends, and closes
// the namespaces, the hosts' first; the kernel then takes the links down. It
// goes on at errors and joins them. A second Close does nothing.
func (n *Network) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	running := make([]*process, 0, len(n.processes))
	for p := range n.processes {
		running = append(running, p)
	}
	n.mu.Unlock()
	var errs []error
	for _, p := range running {
		errs = append(errs, p.Signal(unix.SIGKILL))
	}
	n.reapers.Wait()
	n.starter.stop()
	for _, file := range slices.Backward(n.first) {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
