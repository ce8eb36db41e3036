package docker

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// makeSubnet makes the network of a subnet.
func (n *network) makeSubnet(ctx context.Context, s topology.Subnet) error {
	ctx, cancel := uncut(ctx)
	defer cancel()
	options := make(map[string]string)
	maps.Copy(options, s.DriverOptions)
	maps.Copy(options, run.Routed)
	config := []apinetwork.IPAMConfig{{Subnet: s.Prefix, Gateway: s.Gateway}}
	ipv6 := s.Prefix6.IsValid()
	if ipv6 {
		maps.Copy(options, run.Routed6)
		config = append(config, apinetwork.IPAMConfig{Subnet: s.Prefix6, Gateway: s.Gateway6})
	}
	_, err := n.cli.NetworkCreate(ctx, n.object(s.Name), client.NetworkCreateOptions{
		Driver:     "bridge",
		EnableIPv6: &ipv6,
		IPAM:       &apinetwork.IPAM{Config: config},
		Options:    options,
		Labels:     n.labels(nil),
	})
	if err != nil {
		return fmt.Errorf("make subnet %s, %s: %s%s", s.Name, s.Prefix, oneLine(err), n.overlap(ctx, s.Prefix, s.Prefix6))
	}
	return nil
}

// overlap says which other network has addresses of the subnet, where one has.
func (n *network) overlap(ctx context.Context, prefixes ...netip.Prefix) string {
	networks, err := n.cli.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return "" // the engine's own error stands
	}
	for _, other := range networks.Items {
		for _, c := range other.IPAM.Config {
			overlaps := slices.ContainsFunc(prefixes, c.Subnet.Overlaps) // what is not valid overlaps nothing
			if overlaps && other.Labels[labelRun] != n.setup.ID {
				return fmt.Sprintf("; the network %s has %s: end what uses it, run `lab clean`, or move the lab, for instance by LAB_PREFIX=10.99", other.Name, c.Subnet)
			}
		}
	}
	return ""
}
