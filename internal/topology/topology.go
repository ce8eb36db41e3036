// Package topology reads a lab from its Compose file: hosts, subnets, routes,
// programs and claims. It is pure: a file's text and an environment in, a Lab
// out. What it returns is what was asked for; engines make it live.
//
// A service that has networks is a host. A service with `network_mode: none`
// (the judge of a run under Compose) is no host and is left out. A host that
// has several networks and the sysctl net.ipv4.ip_forward=1 is a router.
//
// The Compose Specification (https://compose-spec.io) says what the keys mean.
// Keys that fourtuple adds are under x-lab: at the top of the file the claims,
// inside a service what Compose has no word for (masquerade, capture-after).
//
// # From text to lab
//
// Parse has compose-go load the text, which replaces variables, follows merge
// keys and checks it by Compose's schema. Then it wants more than Compose
// does, as the same file has to be the same lab for every engine: keys are
// honoured, listed in IgnoredKeys, or refused; every network has one IPv4
// subnet that overlaps no other, and every host an address on it (RFC 4632,
// RFC 6890); names can be names of files. Route tables are computed, by the
// fewest routers. Lab.Source is what was read, with nothing left to fill in:
// it is a Compose file, and a kept run's lab.yml, and reads back as the same
// Lab byte by byte. Widen changes the number of clients and gives the same
// promise.
//
// Load alone reads the disk, for the file and the .env beside it.
//
// # Errors
//
// Whatever is wrong with a file is a *Problem with the line on which it is
// written, "docker-compose.yml:41: services.client1.ports: why, and what to
// do"; an error joins all of them, and its first line is enough to begin with.
package topology

import (
	"net/netip"
	"time"
)

// A Lab is one experiment: a topology, its programs, and what it claims.
type Lab struct {
	// Name is x-lab's name, or the name of the folder the file is in.
	Name string
	// Question is what a learner asks; it may be empty.
	Question string
	// Server is the host whose sockets the claims are about, Port the TCP port
	// they should be on, Clients the hosts that should connect, once each.
	Server  string
	Port    uint16
	Clients []string
	// Claims are the names of the lab's claims, in the file's order.
	Claims []string
	// Limit bounds a run from its start to its verdict.
	Limit   time.Duration
	Hosts   []Host   // in the order of their names
	Subnets []Subnet // in the order of their names
	// Source is the file as run: variables replaced, defaults filled in. It
	// reads back as the same lab.
	Source []byte
}

// A Subnet is one network of the lab.
type Subnet struct {
	Name   string
	Prefix netip.Prefix
	// Gateway is the address that Docker's bridge takes: the file's, or the
	// first of the subnet. No host has it, and no route leads over it.
	Gateway netip.Addr
	// DriverOptions are for Docker's bridge driver; other engines have no use
	// for them.
	DriverOptions map[string]string
}

// A Host is one computer of the lab.
type Host struct {
	Name     string
	Hostname string
	Links    []Link // in the order of their subnets' names
	// Routes are what the host needs beside its links to reach every subnet
	// that routers connect it to.
	Routes []Route
	// Program is entrypoint and command in one; empty for a host that only
	// forwards.
	Program          []string
	Environment      []string // NAME=value, sorted
	WorkingDirectory string
	// StopSignal ends the program, "SIGTERM" unless the file says otherwise;
	// after StopGrace it is killed.
	StopSignal string
	StopGrace  time.Duration
	DependsOn  []string // sorted
	Sysctls    map[string]string
	ExtraHosts map[string][]netip.Addr
	// Image is the container image; engines without images have no use for it.
	Image string
	// Forwards says that the host is a router.
	Forwards bool
	// Masquerade names the subnets onto which the host translates the source
	// of what it forwards to its own address there.
	Masquerade []string
	// CaptureAfter delays the host's capture: it starts that long after the
	// program, as when someone opens Wireshark too late.
	CaptureAfter time.Duration
}

// A Link is a host's interface on a subnet.
type Link struct {
	Subnet  string
	Address netip.Prefix // the host's address with the subnet's length
	MAC     string       // empty: any
}

// A Route leads to Destination over Gateway. The default route's Destination
// is 0.0.0.0/0.
type Route struct {
	Destination netip.Prefix
	Gateway     netip.Addr
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
