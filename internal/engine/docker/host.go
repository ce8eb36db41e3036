package docker

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"

	"github.com/moby/moby/api/types/container"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// macPerEndpoint is the version of the API from which on each endpoint may have
// a hardware address.
const macPerEndpoint = "1.44"

// makeContainer makes the container of a host, on all its subnets, and does not
// start it. An older engine makes a container on one network only.
func (n *network) makeContainer(ctx context.Context, h topology.Host) error {
	if _, err := n.cli.ContainerCreate(ctx, n.container(h)); err != nil {
		return fmt.Errorf("make host %s: %s", h.Name, oneLine(err))
	}
	if !run.IsOurs(h.Image) {
		if err := n.provideAgent(ctx, h); err != nil {
			return fmt.Errorf("give the agent to host %s: %s", h.Name, oneLine(err))
		}
	}
	for i, l := range h.Links {
		if l.MAC != "" && versions.LessThan(n.cli.ClientVersion(), macPerEndpoint) {
			return fmt.Errorf("make host %s: its hardware address on %s cannot be set by a Docker engine before 25: remove mac_address, or run with --engine netns", h.Name, l.Subnet)
		}
		if i == 0 {
			continue
		}
		_, err := n.cli.NetworkConnect(ctx, n.object(l.Subnet), client.NetworkConnectOptions{
			Container: n.object(h.Name), EndpointConfig: endpointOf(h, l),
		})
		if err != nil {
			return fmt.Errorf("connect host %s to %s: %s", h.Name, l.Subnet, oneLine(err))
		}
	}
	return nil
}

// container is the container of a host, on the first of its subnets.
func (n *network) container(h topology.Host) client.ContainerCreateOptions {
	mode := container.NetworkMode(apinetwork.NetworkNone)
	endpoints := make(map[string]*apinetwork.EndpointSettings)
	if len(h.Links) > 0 {
		first := n.object(h.Links[0].Subnet)
		mode, endpoints[first] = container.NetworkMode(first), endpointOf(h, h.Links[0])
	}
	// The kernel's own default: Docker's lets everybody have low ports.
	sysctls := map[string]string{"net.ipv4.ip_unprivileged_port_start": "1024"}
	maps.Copy(sysctls, h.Sysctls)
	var extraHosts []string
	for _, name := range slices.Sorted(maps.Keys(h.ExtraHosts)) {
		for _, address := range h.ExtraHosts[name] {
			extraHosts = append(extraHosts, name+":"+address.String())
		}
	}
	return client.ContainerCreateOptions{
		Name: n.object(h.Name),
		Config: &container.Config{
			Hostname:   h.Hostname,
			Image:      h.Image,
			User:       "0", // of the container; the agent starts programs as another
			Entrypoint: []string{run.AgentFolder + "/lab", "host", "--stdio", h.Name},
			OpenStdin:  true, StdinOnce: true,
			AttachStdin: true, AttachStdout: true, AttachStderr: true,
			Labels: n.labels(map[string]string{labelHost: h.Name}),
			// An image's own check would be traffic that the lab knows nothing of.
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		HostConfig: &container.HostConfig{
			NetworkMode:    mode,
			CapDrop:        []string{"ALL"},
			CapAdd:         run.Capabilities,
			SecurityOpt:    []string{"no-new-privileges"},
			ReadonlyRootfs: run.IsOurs(h.Image),               // others may need their /tmp
			LogConfig:      container.LogConfig{Type: "none"}, // else the engine keeps a copy of all evidence
			Sysctls:        sysctls,
			ExtraHosts:     extraHosts,
		},
		NetworkingConfig: &apinetwork.NetworkingConfig{EndpointsConfig: endpoints},
	}
}

// endpointOf gives the host its address, and its name on that subnet.
func endpointOf(h topology.Host, l topology.Link) *apinetwork.EndpointSettings {
	e := &apinetwork.EndpointSettings{
		IPAMConfig: &apinetwork.EndpointIPAMConfig{IPv4Address: l.Address.Addr(), IPv6Address: l.Address6.Addr()},
		Aliases:    []string{h.Name},
	}
	if mac, err := net.ParseMAC(l.MAC); err == nil {
		e.MacAddress = apinetwork.HardwareAddr(mac)
	}
	return e
}
