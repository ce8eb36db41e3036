package docker

import (
	"context"
	"fmt"

	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// severalEndpoints is the version of the API from which on a container is made
// with all its endpoints, and with a hardware address for each.
const severalEndpoints = "1.44"

// makeHost makes the container of a host, on all its subnets, and does not
// start it.
func (r *labRun) makeHost(ctx context.Context, h topology.Host) error {
	first, later := h.Links, []topology.Link(nil)
	if versions.LessThan(r.cli.ClientVersion(), severalEndpoints) {
		for _, l := range h.Links {
			if l.MAC != "" {
				return fmt.Errorf("make host %s: its hardware address on %s cannot be set by a Docker engine before 25: remove mac_address, or run with --engine netns", h.Name, l.Subnet)
			}
		}
		first, later = h.Links[:min(1, len(h.Links))], h.Links[min(1, len(h.Links)):]
	}
	c := r.hostContainer(h, first)
	r.remains.container(c.Name)
	if _, err := r.cli.ContainerCreate(ctx, c); err != nil {
		return fmt.Errorf("make host %s: %w", h.Name, err)
	}
	for _, l := range later {
		_, err := r.cli.NetworkConnect(ctx, objectName(r.id, l.Subnet), client.NetworkConnectOptions{
			Container: c.Name, EndpointConfig: endpointOf(h, l),
		})
		if err != nil {
			return fmt.Errorf("connect host %s to %s: %w", h.Name, l.Subnet, err)
		}
	}
	return nil
}

func (r *labRun) startHost(ctx context.Context, h topology.Host) error {
	if _, err := r.cli.ContainerStart(ctx, objectName(r.id, h.Name), client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start host %s: %w", h.Name, err)
	}
	return nil
}
