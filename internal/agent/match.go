package agent

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// Which tells which host of the lab has all its addresses on these interfaces.
func Which(lab *topology.Lab, interfaces []evidence.Interface) (*topology.Host, bool) {
	for i := range lab.Hosts {
		h := &lab.Hosts[i]
		has := func(l topology.Link) bool {
			_, ok := interfaceWith(interfaces, l.Address.Addr())
			return ok
		}
		if len(h.Links) > 0 && !slices.ContainsFunc(h.Links, func(l topology.Link) bool { return !has(l) }) {
			return h, true
		}
	}
	return nil, false
}

// interfaceWith is the name of the interface that has the address.
func interfaceWith(interfaces []evidence.Interface, a netip.Addr) (string, bool) {
	for _, i := range interfaces {
		if slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }) {
			return i.Name, true
		}
	}
	return "", false
}

// Recognize tells which host of the lab this network namespace is, once all
// the host's addresses are there, but waits no longer than within.
func Recognize(ctx context.Context, lab *topology.Lab, within time.Duration) (*topology.Host, error) {
	deadline := time.Now().Add(within)
	for {
		interfaces, err := listInterfaces()
		if err != nil {
			return nil, err
		}
		if h, ok := Which(lab, interfaces); ok {
			return h, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("no host of the lab %s has the addresses that are here, %s: give the container the lab's networks and addresses", lab.Name, addresses(interfaces))
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func addresses(interfaces []evidence.Interface) string {
	var texts []string
	for _, i := range interfaces {
		for _, p := range i.Addresses {
			if !p.Addr().IsLoopback() {
				texts = append(texts, p.Addr().String())
			}
		}
	}
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}
