package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An Engine makes labs real in network namespaces of this machine.
type Engine struct{}

// Up builds the network and gives every host an agent in this process.
func (Engine) Up(ctx context.Context, s run.Setup) (*run.Network, error) {
	network, err := Build(ctx, s.Lab, s.Progress)
	if err != nil {
		return nil, err
	}
	up := &run.Network{
		Hosts: make(map[string]run.Host, len(s.Lab.Hosts)),
		Enter: make(map[string]string, len(s.Lab.Hosts)),
		Down:  func(context.Context) error { return network.Close() },
	}
	for _, h := range s.Lab.Hosts {
		host := network.Host(h.Name)
		up.Hosts[h.Name], err = agent.New(agent.Config{
			Host: h, Run: s.ID, LabHash: s.LabHash, Namespace: host, Poll: poll(len(s.Lab.Hosts)),
			Record: func(w evidence.Witness, records []byte) error { return s.Record(h.Name, w, records) },
		})
		if err != nil {
			return nil, errors.Join(err, network.Close())
		}
		up.Enter[h.Name] = host.enterCommand()
	}
	return up, nil
}

// poll is how often each of so many hosts looks at its socket table: often
// where there are few, and rarely enough where there are many that all of them
// together do not keep the machine busy.
func poll(hosts int) time.Duration {
	return max(50*time.Millisecond, time.Duration(hosts)*2*time.Millisecond)
}

// enterCommand is the command by which a person gets a shell on the host. The
// namespace has no name but that of this process's descriptor.
func (h *Host) enterCommand() string {
	fd := h.file.Fd()
	if outer := os.Getenv(outerPID); outer != "" {
		return fmt.Sprintf("nsenter --target %s --user --preserve-credentials --net=/proc/%s/fd/%d", outer, outer, fd)
	}
	return fmt.Sprintf("sudo nsenter --net=/proc/%d/fd/%d", os.Getpid(), fd)
}

// A Network is a lab that is real: its hosts and what joins them. Its methods
// may be called from any goroutine.
type Network struct {
	hosts   map[string]*Host
	members map[string][]member // by subnet
	bridges namespace
	starts  chan func(prepared error) // for the starter to do
	starter sync.WaitGroup

	mu        sync.Mutex // held while a program is started
	processes []*process
	reapers   sync.WaitGroup // of the processes
	closed    bool
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

func newNetwork(l *topology.Lab, members map[string][]member) *Network {
	n := &Network{
		hosts: make(map[string]*Host, len(l.Hosts)), members: members,
		starts: make(chan func(error)),
	}
	n.starter.Go(n.runStarter)
	for i := range l.Hosts {
		h := &l.Hosts[i]
		n.hosts[h.Name] = &Host{network: n, asked: h, interfaces: make([]int, len(h.Links))}
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
	return onThread(func() error {
		if err := setNamespace(h.file); err != nil {
			return fmt.Errorf("enter %s: %w", h.asked.Name, err)
		}
		return f()
	})
}

// Close kills the programs that still run, waits for their ends, and closes
// the namespaces; the kernel then takes the links down. It goes on at errors
// and joins them. A second Close does nothing.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil
	}
	n.closed = true
	var errs []error
	for _, p := range n.processes {
		errs = append(errs, p.Signal(unix.SIGKILL))
	}
	n.reapers.Wait()
	close(n.starts)
	n.starter.Wait()
	for _, ns := range n.namespaces() {
		errs = append(errs, ns.file.Close())
	}
	return errors.Join(errs...)
}

// Version is the engine's name; what it is made of is the kernel.
func (Engine) Version(context.Context) (string, error) { return "netns", nil }
