package netns

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// The steps of a plan, and how they read in errors.

// A namespaceStep makes a host's network namespace, and is its undo's only
// registration: everything else lives in a namespace and goes with it.
type namespaceStep struct{ host string }

func (s namespaceStep) String() string { return "make a network namespace" }

// A sysctlStep sets a kernel parameter of the host. An optional one may be
// missing, in a kernel that is older or without IPv6.
type sysctlStep struct {
	key, value string
	optional   bool
}

func (s sysctlStep) String() string { return fmt.Sprintf("set %s=%s", s.key, s.value) }

// An upStep sets an interface up.
type upStep struct{ iface iface }

func (s upStep) String() string { return fmt.Sprintf("set %s up", s.iface.name) }

// A bridgeStep makes a bridge in the switch.
type bridgeStep struct{ iface iface }

func (s bridgeStep) String() string { return fmt.Sprintf("make bridge %s", s.iface.name) }

// A wireStep makes a veth pair. Its near end is up, and at the bridge if there
// is one; its far end is down, for the kernel takes it no other way.
type wireStep struct {
	near, far end
	bridge    iface // zero: none
}

// An end is where a wire ends.
type end struct {
	host  string
	iface iface
	mac   net.HardwareAddr // nil: any
}

func (e end) String() string { return fmt.Sprintf("%s's %s", e.host, e.iface.name) }

func (s wireStep) String() string {
	at := ""
	if s.bridge.name != "" {
		at = " at " + s.bridge.name
	}
	return fmt.Sprintf("wire %s%s to %s", s.near, at, s.far)
}

// An addressStep gives an interface an address.
type addressStep struct {
	iface  iface
	prefix netip.Prefix
}

func (s addressStep) String() string { return fmt.Sprintf("give %s %s", s.iface.name, s.prefix) }

// A routeStep adds a route.
type routeStep topology.Route

func (s routeStep) String() string { return fmt.Sprintf("route %s via %s", s.Destination, s.Gateway) }

// A masqueradeStep makes a router translate what leaves by these interfaces.
type masqueradeStep struct{ interfaces []string }

func (s masqueradeStep) String() string { return "masquerade on " + strings.Join(s.interfaces, ", ") }

// A settleStep waits until these interfaces, which were up before the other
// ends of their wires, carry.
type settleStep struct{ interfaces []iface }

func (s settleStep) String() string {
	names := make([]string, len(s.interfaces))
	for i := range names {
		names[i] = s.interfaces[i].name
	}
	return "wait for " + strings.Join(names, ", ")
}
