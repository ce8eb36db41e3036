// Package netns makes a lab real in Linux network namespaces, with no daemon
// and no image: a host is a network namespace, a subnet is a bridge or, between
// two hosts, a veth pair, and a program is a child process that sees only its
// host (network_namespaces(7), veth(4)).
//
// Engine is the run.Engine: Up builds the network and gives every host an agent
// in this process. Build does the first half alone. Elsewhere than on Linux
// everything returns ErrUnsupported.
//
// # Nothing to leave behind
//
// Everything that a run makes is held by this process: namespaces by their
// descriptors, never by a mount or a name, programs by the signal that they get
// when this process ends. Closing releases them; if the process is killed, the
// kernel does. Links go with their namespaces, which the kernel takes down on
// its own time. The machine's own namespaces are never touched, and two runs
// cannot meet.
//
// # Programs
//
// A program starts as this command's hidden helper command, which isolates
// itself, gives up all privileges and executes the program: so every main
// function, and the TestMain of every test that starts programs, begins with
//
//	if netns.IsHelper() {
//		os.Exit(netns.Helper())
//	}
//
// Every program finds server, client, socket and lab in its PATH: this command's own
// executable under these names, by the first of which its main function is to
// tell what it is.
//
// # Who may
//
// It takes Linux 5.11 (close_range(2)), and root, or a system that lets ordinary
// users make user namespaces:
// Supported tells, and names the switch that forbids it. Rootless runs the
// command again inside such a namespace. Root's programs run as uid 65534, an
// ordinary user's as that user, in both cases without any capability.
//
// # What a host has
//
// Interfaces are named eth0, eth1 and so on in the order of a host's links, and
// have the MAC address that Docker would give them: 02:42 and the IPv4 address.
// IPv6 is off, as it is in Docker's containers, but for the loopback of a host
// that has IPv6 addresses and the links that it has them on, where they can be
// used at once. Neighbours are known from the beginning, by permanent entries
// (arp(7)): the kernel's table of neighbours is
// shared by all namespaces, and without privilege over the machine nobody can
// raise its limit of 1,024, which permanent entries do not count against. So
// neither ARP nor neighbour discovery is seen between a lab's hosts, except on a
// subnet of more than 32 hosts, between two that are neither routers nor depended
// on.
package netns
