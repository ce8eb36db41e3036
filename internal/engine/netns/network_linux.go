package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Network is a lab that is real: its hosts and what joins them. Its methods
// may be called from any goroutine.
type Network struct {
	hosts     map[string]*Host
	bridges   namespace
	onSubnets map[string][]neighbour // by subnet
	starter   *starter

	mu        sync.Mutex
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
	namespace
	interfaces []int // the indexes of eth0, eth1 and so on
}

// errClosed is for who comes after Close.
var errClosed = errors.New("the network is closed")

func newNetwork(l *topology.Lab) *Network {
	n := &Network{
		hosts:     make(map[string]*Host, len(l.Hosts)),
		onSubnets: make(map[string][]neighbour, len(l.Subnets)),
		starter:   newStarter(),
		processes: make(map[*process]bool),
	}
	for i := range l.Hosts {
		h := &l.Hosts[i]
		n.hosts[h.Name] = &Host{network: n, asked: h, interfaces: make([]int, len(h.Links))}
		for _, link := range h.Links {
			n.onSubnets[link.Subnet] = append(n.onSubnets[link.Subnet], neighbour{h.Name, link.Address.Addr()})
		}
	}
	return n
}

// Host returns the host of that name, nil if the lab has none.
func (n *Network) Host(name string) *Host { return n.hosts[name] }

// namespaces are all that were made, the bridges' last.
func (n *Network) namespaces() []*namespace {
	var all []*namespace
	for _, h := range n.hosts {
		if h.file != nil {
			all = append(all, &h.namespace)
		}
	}
	if n.bridges.file != nil {
		all = append(all, &n.bridges)
	}
	return all
}

// Do runs f on an OS thread in the host's network namespace and returns f's
// error. Sockets that f opens stay in that namespace and may be used from
// anywhere. It is an error if the network is closed.
func (h *Host) Do(f func() error) error {
	err := onThread(func() error {
		if err := setNamespace(h.file); err != nil {
			return fmt.Errorf("enter %s: %w", h.asked.Name, err)
		}
		return f()
	})
	if errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("enter %s: %w", h.asked.Name, errClosed)
	}
	return err
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
// the namespaces; the kernel then takes the links down. It goes on at errors
// and joins them. A second Close does nothing.
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
	for _, ns := range n.namespaces() {
		errs = append(errs, ns.file.Close())
	}
	return errors.Join(errs...)
}
