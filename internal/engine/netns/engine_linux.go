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
	if err := checkDescriptors(len(s.Lab.Hosts)); err != nil {
		return nil, err
	}
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

// descriptorsPerHost is how many open files a host takes at most: its namespace,
// its agent's witnesses, and the pipes and the process of a program that starts.
const descriptorsPerHost = 8

// checkDescriptors refuses a lab that this process has not enough open files
// for. It may have as many as its hard limit: Go's runtime sees to that.
func checkDescriptors(hosts int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if need := descriptorsPerHost * uint64(hosts); need > limit.Cur {
		return fmt.Errorf("a lab of %d hosts needs %d open files, and this process may have %d: "+
			"raise the limit (ulimit -Hn), or make the lab smaller", hosts, need, limit.Cur)
	}
	return nil
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
	starter *starter

	mu        sync.Mutex
	processes map[*process]bool
	closed    bool
	reapers   sync.WaitGroup
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
		starter:   &starter{jobs: make(chan func(error)), done: make(chan struct{})},
		processes: make(map[*process]bool),
	}
	n.starter.loop.Go(n.starter.work)
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
	close(n.starter.done)
	n.starter.loop.Wait()
	for _, ns := range n.namespaces() {
		errs = append(errs, ns.file.Close())
	}
	return errors.Join(errs...)
}
