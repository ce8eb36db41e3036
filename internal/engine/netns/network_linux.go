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
	self      self
	hosts     map[string]*Host
	neighbors map[string][]neighbor // by subnet
	starter   *starter

	mu sync.Mutex
	// order has the hosts whose namespaces exist, the switch first.
	order      []string
	namespaces map[string]*os.File
	processes  map[*process]bool
	closed     bool
	reapers    sync.WaitGroup
	closing    sync.Once
	closeError error
}

// A neighbor is a host on a subnet.
type neighbor struct {
	name    string
	address netip.Addr
}

func newNetwork(l *topology.Lab, own self) *Network {
	n := &Network{
		self:       own,
		hosts:      make(map[string]*Host, len(l.Hosts)),
		neighbors:  make(map[string][]neighbor, len(l.Subnets)),
		starter:    newStarter(),
		namespaces: make(map[string]*os.File, len(l.Hosts)+1),
		processes:  make(map[*process]bool),
	}
	for i := range l.Hosts {
		h := &l.Hosts[i]
		n.hosts[h.Name] = &Host{network: n, asked: h}
		for _, link := range h.Links {
			n.neighbors[link.Subnet] = append(n.neighbors[link.Subnet], neighbor{h.Name, link.Address.Addr()})
		}
	}
	return n
}

// Host returns the host of that name, nil if the lab has none.
func (n *Network) Host(name string) *Host { return n.hosts[name] }

// keep registers a namespace with Close.
func (n *Network) keep(host string, namespace *os.File) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.order = append(n.order, host)
	n.namespaces[host] = namespace
}

// namespace returns the namespace of a host, or of the switch.
func (n *Network) namespace(host string) (*os.File, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errClosed
	}
	namespace, ok := n.namespaces[host]
	if !ok {
		return nil, fmt.Errorf("%s has no network namespace", host)
	}
	return namespace, nil
}

// adopt registers a new process with Close and waits for it from now on. A
// network that is closed kills it instead.
func (n *Network) adopt(pid, pidfd int) (*process, error) {
	p := newProcess(pid, pidfd)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		err := errors.Join(errClosed, p.Signal(unix.SIGKILL))
		p.reap()
		return nil, err
	}
	n.processes[p] = true
	n.reapers.Go(func() {
		p.reap()
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.processes, p)
	})
	return p, nil
}

// Close kills the programs that still run, waits for their ends, and lets go
// of the namespaces; the kernel then takes the links down. It goes on at
// errors and joins them. A second Close returns what the first did.
func (n *Network) Close() error {
	n.closing.Do(func() { n.closeError = n.close() })
	return n.closeError
}

func (n *Network) close() error {
	n.mu.Lock()
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
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, host := range slices.Backward(n.order) {
		errs = append(errs, n.namespaces[host].Close())
	}
	return errors.Join(append(errs, n.self.close())...)
}
