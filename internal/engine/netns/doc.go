// Package netns makes a lab real in Linux network namespaces, with no daemon
// and no image: a host is a network namespace, a subnet is a bridge or, between
// two hosts, a veth pair, and a program is a child process that sees only its
// host (network_namespaces(7), veth(4)).
//
// Build computes a plan, which is pure, and carries it out: namespaces first,
// then the wires between them, then addresses, routes and the rest of each
// host. What it returns is a Network, whose Hosts are places (agent.Place) for
// agents and programs.
//
// # Nothing to leave behind
//
// Everything a run makes is held by this process: namespaces by their
// descriptors, never by a mount or a name, programs by the signal that they get
// when this process ends. Close lets go of them; if the process is killed, the
// kernel does. In both cases it takes the links down with their namespaces,
// on its own time: some milliseconds for a small lab, a second for 1,000 hosts.
// The machine's own namespace is never touched; two runs cannot meet.
//
// # Who may
//
// It takes root, or a system that lets ordinary users make user namespaces:
// Supported tells, and names the switch that forbids it. Rootless runs the
// command again inside such a namespace. Root's programs run as uid 65534, an
// ordinary user's as that user, in both cases without any capability.
//
// Interfaces are named eth0, eth1 and so on in the order of a host's links, and
// have the MAC address that Docker would give them: 02:42 and the IPv4 address.
// IPv6 is off in every host, as it is in Docker's containers.
//
// Elsewhere than on Linux everything returns ErrUnsupported.
package netns
