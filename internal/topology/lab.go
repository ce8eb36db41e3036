// Package topology is a lab as a value: hosts, subnets, routes, programs, steps
// and claims. It does no I/O and knows no file format: package compose reads a
// Lab from a Compose file, package evidence keeps it with a run as lab.json,
// and engines make it live. What a Lab says is what was asked for.
package topology

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"
)

// A Lab is one experiment: a topology, its programs, what is done in a run of
// it, and what it claims.
type Lab struct {
	// Name is x-lab's name, or the name of the folder the file is in.
	Name string `json:"name"`
	// Question is what a learner asks, Explanation what the answer is and why;
	// each may be empty.
	Question    Text `json:"question,omitzero"`
	Explanation Text `json:"explanation,omitzero"`
	// Clients are the hosts that ScaleClients makes more or less of.
	Clients []string `json:"clients,omitempty"`
	// Claims are in the file's order.
	Claims []Claim `json:"claims,omitempty"`
	// Limit bounds a run from when all hosts are up to its last snapshot.
	Limit   time.Duration `json:"limitNs"`
	Hosts   []Host        `json:"hosts"`   // in the order of their names
	Subnets []Subnet      `json:"subnets"` // in the order of their names
	// Steps are what is done in a run, one after the other. Before them every
	// host opens its witnesses, after them every host closes.
	Steps []Step `json:"steps"`
}

// A Text is for people, in the languages that labs are written in.
type Text struct {
	EN string `json:"en,omitempty"`
	KO string `json:"ko,omitempty"`
}

// A Language is one that labs are written in; the zero Language is English.
type Language string

// The languages.
const (
	English Language = "en"
	Korean  Language = "ko"
)

// In is the text in a language, or in the other one where there is no such text.
func (t Text) In(l Language) string {
	if l == Korean {
		return cmp.Or(t.KO, t.EN)
	}
	return cmp.Or(t.EN, t.KO)
}

// A Claim is a statement about the tables of a run, with what is expected of
// it. What its keys mean is package claim's.
type Claim struct {
	Name string `json:"name"`
	// Keys are what the file has under the claim's name: text, numbers, lists
	// and mappings, as JSON has them.
	Keys map[string]any `json:"keys"`
}

// A Fault is what is wrong with a step or a claim that could be read.
type Fault struct {
	// Key is the way to the value from x-lab, as ["claims", "NAME", "is"] or
	// ["steps", "[3]", "wait", "server.sockets"], where 3 is the step's index in
	// Lab.Steps.
	Key []string
	// Offset is where in the value's text it is, in bytes.
	Offset int
	Reason string
}

// A Subnet is one network of the lab.
type Subnet struct {
	Name   string       `json:"name"`
	Prefix netip.Prefix `json:"prefix"`
	// Gateway is the address that Docker's bridge takes: the file's, or the
	// first of the subnet. No host has it, and no route leads over it.
	Gateway netip.Addr `json:"gateway,omitzero"`
	// Prefix6 and Gateway6 are those of IPv6, of a subnet that has it.
	Prefix6  netip.Prefix `json:"prefix6,omitzero"`
	Gateway6 netip.Addr   `json:"gateway6,omitzero"`
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
	// forwards. Programs are further ones, in the order of their names.
	Program          []string  `json:"program,omitempty"`
	Programs         []Program `json:"programs,omitempty"`
	Environment      []string  `json:"environment,omitempty"` // NAME=value, sorted
	WorkingDirectory string    `json:"workingDirectory,omitempty"`
	// Ready says when Program counts as ready.
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
	// MasqueradePorts are the source ports that it then uses: a port, two with a
	// hyphen between them, or MasqueradeRandom; empty means that each keeps its
	// own while nobody else has it.
	MasqueradePorts string `json:"masqueradePorts,omitempty"`
	// PortForwards are what the host sends on, in the order of their ports.
	PortForwards []PortForward `json:"portForwards,omitempty"`
	// CaptureAfter delays the host's capture: it starts that long after the
	// program, as when someone opens Wireshark too late.
	CaptureAfter time.Duration `json:"captureAfterNs,omitempty"`
}

// A Program is a further program of a host. Steps call it HOST/NAME.
type Program struct {
	Name  string   `json:"name"`
	Args  []string `json:"args"`
	Ready Ready    `json:"ready,omitzero"`
}

// MasqueradeRandom has a router choose every source port by chance.
const MasqueradeRandom = "random"

// A PortForward has a router send what comes, by TCP or UDP, for the port of one
// of its own addresses to another host.
type PortForward struct {
	Port uint16         `json:"port"`
	To   netip.AddrPort `json:"to"`
}

// Translates tells whether the host changes addresses or ports of what it
// forwards.
func (h *Host) Translates() bool { return len(h.Masquerade)+len(h.PortForwards) > 0 }

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
	// ReadyEvent: it prints the event "listening", "holding" or "prompt" as JSON.
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
	Address netip.Prefix `json:"address"` // the host's address with the subnet's length
	// Address6 is the IPv6 address, on a subnet that has IPv6.
	Address6 netip.Prefix `json:"address6,omitzero"`
	MAC      string       `json:"mac,omitempty"` // empty: any
}

// A Route leads to Destination over Gateway. The default route's Destination
// is 0.0.0.0/0 or ::/0.
type Route struct {
	Destination netip.Prefix `json:"destination"`
	Gateway     netip.Addr   `json:"gateway"`
}

// An Action is what a step does.
type Action string

// The actions. Open and Close are the coordinator's own, first and last; all
// others can stand in a lab's file.
const (
	// Open sets a host's routes and translation, and opens its witnesses.
	Open Action = "open"
	// Start starts programs and waits until they are ready. A program that has
	// ended can be started again.
	Start Action = "start"
	// Type types Line to a program, and waits for the answer if the program is
	// a prompt (Prompts).
	Type Action = "type"
	// Wait waits until a row of Table is so that Where is true of it.
	Wait Action = "wait"
	// Snapshot writes down what the hosts' tables are, under Name.
	Snapshot Action = "snapshot"
	// Signal sends Signal to programs.
	Signal Action = "signal"
	// Stop ends programs and waits for their ends.
	Stop Action = "stop"
	// Cut has a router forward nothing any more between two of its subnets, and
	// Mend has it forward again. The ends are not told.
	Cut  Action = "cut"
	Mend Action = "mend"
	// Sleep lets time pass.
	Sleep Action = "sleep"
	// Close ends all programs, and flushes and seals what the witnesses wrote.
	Close Action = "close"
)

// EndsRun tells whether a run ends where such a step fails: what comes after it
// was to be seen of what it does.
func (a Action) EndsRun() bool {
	return slices.Contains([]Action{Type, Wait, Signal, Cut, Mend}, a)
}

// A Step is one thing that is done in a run.
type Step struct {
	Action Action `json:"action"`
	// Number counts the lab's steps from 1; Open and Close have none.
	Number int `json:"number,omitempty"`
	// On are whom it is done on, all at once: a host by its name or, as
	// HOST/NAME, a further program of a host. Empty means every host. Wait is
	// done on the host whose table it looks at, Sleep on every host.
	On []string `json:"on,omitempty"`
	// Name is a snapshot's.
	Name string `json:"name,omitempty"`
	// Line is what is typed, without its end.
	Line string `json:"line,omitempty"`
	// Signal is a signal's name, as "SIGSTOP".
	Signal string `json:"signal,omitempty"`
	// Subnets are the two that Cut and Mend are about.
	Subnets []string `json:"subnets,omitempty"`
	// Table is one of the host's: sockets, files, packets, program, conntrack.
	Table string `json:"table,omitempty"`
	// Where is a CEL expression on one row of it.
	Where string `json:"where,omitempty"`
	// For is how long Sleep sleeps, and the longest that Wait waits; 0 there is
	// the lab's limit.
	For time.Duration `json:"forNs,omitempty"`
	// Failed is why a step failed that the coordinator does, or was not done as
	// the run was cut short, as it tells the hosts. A lab's own steps have none.
	Failed string `json:"failed,omitempty"`
}

// fewTargets is how many of a step's targets are named in words.
const fewTargets = 5

// String is the step in words, as "type server: listen 12000".
func (s Step) String() string {
	parts := []string{string(s.Action)}
	if s.Action == Wait {
		return fmt.Sprintf("wait %s.%s: %s", strings.Join(s.On, ", "), s.Table, s.Where)
	}
	for _, part := range []string{s.Name, s.Signal} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	switch {
	case len(s.On) > fewTargets:
		parts = append(parts, fmt.Sprintf("%d programs", len(s.On)))
	case len(s.On) > 0:
		parts = append(parts, strings.Join(s.On, ", "))
	}
	if s.For > 0 {
		parts = append(parts, s.For.String())
	}
	text := strings.Join(parts, " ")
	switch {
	case s.Action == Type:
		text += ": " + s.Line
	case len(s.Subnets) > 0:
		text += ": " + strings.Join(s.Subnets, ", ")
	}
	return text
}

// Target takes a name of Step.On apart. The program is empty for the host's own
// command.
func Target(on string) (host, program string) {
	host, program, _ = strings.Cut(on, "/")
	return host, program
}

// Hosts are the names of the hosts that the step is done on, each once; nil
// means every host.
func (s *Step) Hosts() []string {
	var hosts []string
	for _, on := range s.On {
		if host, _ := Target(on); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// Prompts tells whether a program is a prompt for socket calls, which answers
// each line that is typed to it.
func Prompts(program []string) bool {
	if len(program) > 0 && path.Base(program[0]) == "lab" {
		program = program[1:]
	}
	return len(program) > 0 && path.Base(program[0]) == "socket"
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
		steps = append(steps, Step{Action: Start, On: level})
	}
	steps = append(steps, Step{Action: Snapshot, Name: Settled})
	for i := len(levels) - 1; i >= 0; i-- {
		steps = append(steps, Step{Action: Stop, On: levels[i]})
	}
	for i := range steps {
		steps[i].Number = i + 1
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
		at := &ordered[level[h.Name]]
		if len(h.Program) > 0 {
			*at = append(*at, h.Name)
		}
		for _, p := range h.Programs {
			*at = append(*at, h.Name+"/"+p.Name)
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

// HostNames are the names of all hosts.
func (l *Lab) HostNames() (names []string) {
	for i := range l.Hosts {
		names = append(names, l.Hosts[i].Name)
	}
	return names
}

// Snapshots are the names of the snapshots, in the order of steps.
func (l *Lab) Snapshots() (names []string) {
	for i := range l.Steps {
		if l.Steps[i].Action == Snapshot {
			names = append(names, l.Steps[i].Name)
		}
	}
	return names
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

// Arguments are a program of the host, and when it is ready; the command for an
// empty name. None are of a program that the host does not have.
func (h *Host) Arguments(program string) ([]string, Ready) {
	if program == "" {
		return h.Program, h.Ready
	}
	for _, p := range h.Programs {
		if p.Name == program {
			return p.Args, p.Ready
		}
	}
	return nil, Ready{}
}

// Owners maps every address of the lab to the name of the host that has it.
func (l *Lab) Owners() map[netip.Addr]string {
	owners := make(map[netip.Addr]string)
	for _, h := range l.Hosts {
		for _, link := range h.Links {
			owners[link.Address.Addr()] = h.Name
			if link.Address6.IsValid() {
				owners[link.Address6.Addr()] = h.Name
			}
		}
	}
	return owners
}
