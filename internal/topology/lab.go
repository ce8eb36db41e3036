// Package topology is a lab as a value: hosts, subnets, routes, programs, steps
// and claims. It does no I/O and knows no file format: package compose reads a
// Lab from a Compose file, package evidence keeps it with a run as lab.json,
// and engines make it live. What a Lab says is what was asked for.
package topology

import (
	"net/netip"
	"time"
)

// A Lab is one experiment: a topology, its programs, what is done in a run of
// it, and what it claims.
type Lab struct {
	// Name is x-lab's name, or the name of the folder the file is in.
	Name string `json:"name"`
	// Question is what a learner asks; it may be empty.
	Question string `json:"question,omitempty"`
	// Server is the host whose sockets the claims are about, Port the TCP port
	// they should be on, Clients the hosts that should connect to it.
	Server  string   `json:"server,omitempty"`
	Port    uint16   `json:"port,omitempty"`
	Clients []string `json:"clients,omitempty"`
	// Claims are the names of the lab's claims, in the file's order.
	Claims []string `json:"claims,omitempty"`
	// Limit bounds a run from when all hosts are up to its last snapshot.
	Limit   time.Duration `json:"limitNs"`
	Hosts   []Host        `json:"hosts"`   // in the order of their names
	Subnets []Subnet      `json:"subnets"` // in the order of their names
	// Steps are what is done in a run, one after the other. Before them every
	// host opens its witnesses, after them every host closes.
	Steps []Step `json:"steps"`
}

// A Subnet is one network of the lab.
type Subnet struct {
	Name   string       `json:"name"`
	Prefix netip.Prefix `json:"prefix"`
	// Gateway is the address that Docker's bridge takes: the file's, or the
	// first of the subnet. No host has it, and no route leads over it.
	Gateway netip.Addr `json:"gateway,omitzero"`
	// DriverOptions are for Docker's bridge driver; other engines have no use
	// for them.
	DriverOptions map[string]string `json:"driverOptions,omitempty"`
}

// A Host is one computer of the lab: one network stack.
type Host struct {
	Name     string `json:"name"`
	Hostname string `json:"hostname,omitempty"`
	Links    []Link `json:"links"` // in the order of their subnets' names
	// Routes are what the host needs beside its links to reach every subnet
	// that routers connect it to.
	Routes []Route `json:"routes,omitempty"`
	// Program is entrypoint and command in one; empty for a host that only
	// forwards.
	Program          []string `json:"program,omitempty"`
	Environment      []string `json:"environment,omitempty"` // NAME=value, sorted
	WorkingDirectory string   `json:"workingDirectory,omitempty"`
	// Ready says when the program counts as ready.
	Ready Ready `json:"ready,omitzero"`
	// StopSignal ends the program, "SIGTERM" unless the file says otherwise;
	// after StopGrace it is killed.
	StopSignal string                  `json:"stopSignal,omitempty"`
	StopGrace  time.Duration           `json:"stopGraceNs,omitempty"`
	DependsOn  []string                `json:"dependsOn,omitempty"` // sorted
	Sysctls    map[string]string       `json:"sysctls,omitempty"`
	ExtraHosts map[string][]netip.Addr `json:"extraHosts,omitempty"`
	// Image is the container image; engines without images have no use for it.
	Image string `json:"image,omitempty"`
	// Forwards says that the host is a router.
	Forwards bool `json:"forwards,omitempty"`
	// Masquerade names the subnets onto which the host translates the source
	// of what it forwards to its own address there.
	Masquerade []string `json:"masquerade,omitempty"`
	// CaptureAfter delays the host's capture: it starts that long after the
	// program, as when someone opens Wireshark too late.
	CaptureAfter time.Duration `json:"captureAfterNs,omitempty"`
}

// A Ready says when a program counts as ready. A program that has ended is
// always ready.
type Ready struct {
	// When is one of the Ready constants; empty for a host without a program.
	When string `json:"when,omitempty"`
	// After is how long after its start, for ReadyAfter.
	After time.Duration `json:"afterNs,omitempty"`
}

// When a program is ready.
const (
	// ReadyEvent: it prints the event "listening" or "holding" as JSON.
	ReadyEvent = "event"
	// ReadySocket: it has a socket that listens, is connected, or, of UDP, is
	// bound. A socket in SYN_SENT is not connected.
	ReadySocket = "socket"
	// ReadyStarted: it runs.
	ReadyStarted = "started"
	// ReadyExit: it has ended.
	ReadyExit = "exit"
	// ReadyAfter: a time after its start has passed.
	ReadyAfter = "after"
)

// A Link is a host's interface on a subnet.
type Link struct {
	Subnet  string       `json:"subnet"`
	Address netip.Prefix `json:"address"`       // the host's address with the subnet's length
	MAC     string       `json:"mac,omitempty"` // empty: any
}

// A Route leads to Destination over Gateway. The default route's Destination
// is 0.0.0.0/0.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	Gateway     netip.Addr   `json:"gateway"`
}

// An Action is what a step does.
type Action string

// The actions. Open and Close are the coordinator's own, first and last.
const (
	// Open sets a host's routes and translation, and opens its witnesses.
	Open Action = "open"
	// Start starts programs and waits until they are ready.
	Start Action = "start"
	// Snapshot writes down what the host's tables are, under a name.
	Snapshot Action = "snapshot"
	// Stop ends programs and waits for their ends.
	Stop Action = "stop"
	// Close flushes and seals what the witnesses wrote.
	Close Action = "close"
)

// A Step is one thing that is done in a run.
type Step struct {
	Action Action `json:"action"`
	// Hosts take part, all at once; empty means every host.
	Hosts []string `json:"hosts,omitempty"`
	// Name is a snapshot's.
	Name string `json:"name,omitempty"`
}

// Settled is the name of the snapshot of a lab that names no steps: it is taken
// when every program is ready.
const Settled = "settled"

// DefaultSteps are the steps of a lab that names none: programs are started by
// depends_on, hosts of one level at once; then the snapshot Settled is taken;
// then programs are stopped, in the reverse order. Hosts without a program take
// part in the snapshot only. Compose forbids circles; hosts of one would share
// the last level.
func DefaultSteps(hosts []Host) []Step {
	levels := levels(hosts)
	var steps []Step
	for _, level := range levels {
		steps = append(steps, Step{Action: Start, Hosts: level})
	}
	steps = append(steps, Step{Action: Snapshot, Name: Settled})
	for i := len(levels) - 1; i >= 0; i-- {
		steps = append(steps, Step{Action: Stop, Hosts: levels[i]})
	}
	return steps
}

// levels orders the hosts that have a program by depends_on: every host comes
// in a later level than the hosts that it depends on.
func levels(hosts []Host) [][]string {
	level := make(map[string]int, len(hosts))
	for range hosts {
		changed := false
		for _, h := range hosts {
			for _, on := range h.DependsOn {
				if level[h.Name] <= level[on] && level[on]+1 < len(hosts) {
					level[h.Name] = level[on] + 1
					changed = true
				}
			}
		}
		if !changed {
			break
		}
	}
	ordered := make([][]string, len(hosts))
	for _, h := range hosts {
		if len(h.Program) > 0 {
			ordered[level[h.Name]] = append(ordered[level[h.Name]], h.Name)
		}
	}
	kept := ordered[:0]
	for _, names := range ordered {
		if len(names) > 0 {
			kept = append(kept, names)
		}
	}
	return kept
}

// Host returns the host of that name.
func (l *Lab) Host(name string) (*Host, bool) {
	for i := range l.Hosts {
		if l.Hosts[i].Name == name {
			return &l.Hosts[i], true
		}
	}
	return nil, false
}

// Subnet returns the subnet of that name.
func (l *Lab) Subnet(name string) (*Subnet, bool) {
	for i := range l.Subnets {
		if l.Subnets[i].Name == name {
			return &l.Subnets[i], true
		}
	}
	return nil, false
}

// Owners maps every address of the lab to the name of the host that has it.
func (l *Lab) Owners() map[netip.Addr]string {
	owners := make(map[netip.Addr]string)
	for _, h := range l.Hosts {
		for _, link := range h.Links {
			owners[link.Address.Addr()] = h.Name
		}
	}
	return owners
}

// Address returns the host's address on its first subnet; the zero Addr for a
// host without links.
func (h *Host) Address() netip.Addr {
	if len(h.Links) == 0 {
		return netip.Addr{}
	}
	return h.Links[0].Address.Addr()
}
