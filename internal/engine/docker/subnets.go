package docker

import (
	"context"
	"fmt"
	"maps"
	"net/netip"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// Docker 28 and newer drop what one bridge network routes to another, unless
// the networks are in routed mode; and Docker's own masquerading would replace
// the clients' addresses by a bridge's on the way. Both must be off whatever
// the lab says, or its result would be one about Docker.
var routed = map[string]string{
	"com.docker.network.bridge.gateway_mode_ipv4":    "routed",
	"com.docker.network.bridge.enable_ip_masquerade": "false",
}

// makeSubnet makes the network of a subnet.
func (r *labRun) makeSubnet(ctx context.Context, s topology.Subnet) error {
	name := objectName(r.id, s.Name)
	r.remains.network(name)
	_, err := r.cli.NetworkCreate(ctx, name, networkOptions(r.id, s))
	if err != nil {
		return fmt.Errorf("make subnet %s, %s: %w%s", s.Name, s.Prefix, err, r.overlap(ctx, s.Prefix))
	}
	return nil
}

func networkOptions(id string, s topology.Subnet) client.NetworkCreateOptions {
	options := maps.Clone(routed)
	for name, value := range s.DriverOptions {
		if _, ours := routed[name]; !ours {
			options[name] = value
		}
	}
	no := false
	return client.NetworkCreateOptions{
		Driver:     "bridge",
		EnableIPv6: &no,
		IPAM:       &network.IPAM{Config: []network.IPAMConfig{{Subnet: s.Prefix, Gateway: s.Gateway}}},
		Options:    options,
		Labels:     labels(id),
	}
}

// overlap says which other network has addresses of the subnet, where one has.
func (r *labRun) overlap(ctx context.Context, p netip.Prefix) string {
	networks, err := r.cli.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return "" // the engine's own error stands
	}
	for _, n := range networks.Items {
		for _, c := range n.IPAM.Config {
			if c.Subnet.IsValid() && c.Subnet.Overlaps(p) && n.Labels[labelRun] != r.id {
				return fmt.Sprintf("; the network %s has %s: end what uses it, run `lab clean`, or move the lab, for instance by LAB_PREFIX=10.99", n.Name, c.Subnet)
			}
		}
	}
	return ""
}
