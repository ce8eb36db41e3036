package docker

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/moby/moby/api/types/container"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// severalEndpoints is the version of the API from which on a container is made
// with all its endpoints, and with a hardware address for each.
const severalEndpoints = "1.44"

// makeContainer makes the container of a host, on all its subnets, and does not
// start it.
func (n *network) makeContainer(ctx context.Context, h topology.Host) error {
	first, later := h.Links, []topology.Link(nil)
	if versions.LessThan(n.cli.ClientVersion(), severalEndpoints) {
		for _, l := range h.Links {
			if l.MAC != "" {
				return fmt.Errorf("make host %s: its hardware address on %s cannot be set by a Docker engine before 25: remove mac_address, or run with --engine netns", h.Name, l.Subnet)
			}
		}
		first, later = h.Links[:min(1, len(h.Links))], h.Links[min(1, len(h.Links)):]
	}
	if _, err := n.cli.ContainerCreate(ctx, n.container(h, first)); err != nil {
		return fmt.Errorf("make host %s: %s", h.Name, oneLine(err))
	}
	for _, l := range later {
		_, err := n.cli.NetworkConnect(ctx, n.object(l.Subnet), client.NetworkConnectOptions{
			Container: n.object(h.Name), EndpointConfig: endpointOf(h, l),
		})
		if err != nil {
			return fmt.Errorf("connect host %s to %s: %s", h.Name, l.Subnet, oneLine(err))
		}
	}
	return nil
}

// container is the container of a host, with its endpoints on these of its
// links.
func (n *network) container(h topology.Host, links []topology.Link) client.ContainerCreateOptions {
	endpoints := make(map[string]*apinetwork.EndpointSettings)
	for _, l := range links {
		endpoints[n.object(l.Subnet)] = endpointOf(h, l)
	}
	mode := container.NetworkMode(apinetwork.NetworkNone)
	if len(links) > 0 {
		mode = container.NetworkMode(n.object(links[0].Subnet))
	}
	// The kernel's own default: Docker's lets everybody have low ports.
	sysctls := map[string]string{"net.ipv4.ip_unprivileged_port_start": "1024"}
	maps.Copy(sysctls, h.Sysctls)
	return client.ContainerCreateOptions{
		Name: n.object(h.Name),
		Config: &container.Config{
			Hostname:   h.Hostname,
			Image:      h.Image,
			User:       "0", // of the container; the agent starts programs as another
			Entrypoint: []string{"/lab", "host", "--stdio", h.Name},
			OpenStdin:  true, StdinOnce: true,
			AttachStdin: true, AttachStdout: true, AttachStderr: true,
			Labels: n.labels(map[string]string{labelHost: h.Name}),
		},
		HostConfig: &container.HostConfig{
			NetworkMode:    mode,
			CapDrop:        []string{"ALL"},
			CapAdd:         run.Capabilities,
			SecurityOpt:    []string{"no-new-privileges"},
			ReadonlyRootfs: true,
			LogConfig:      container.LogConfig{Type: "none"}, // else the engine keeps a copy of all evidence
			Init:           &n.hasInit,
			Sysctls:        sysctls,
			ExtraHosts:     extraHosts(h.ExtraHosts),
		},
		NetworkingConfig: &apinetwork.NetworkingConfig{EndpointsConfig: endpoints},
	}
}

// endpointOf gives the host its address, and its name on that subnet.
func endpointOf(h topology.Host, l topology.Link) *apinetwork.EndpointSettings {
	e := &apinetwork.EndpointSettings{
		IPAMConfig: &apinetwork.EndpointIPAMConfig{IPv4Address: l.Address.Addr()},
		Aliases:    []string{h.Name},
	}
	if mac, err := net.ParseMAC(l.MAC); err == nil {
		e.MacAddress = apinetwork.HardwareAddr(mac)
	}
	return e
}

func extraHosts(all map[string][]netip.Addr) []string {
	var hosts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, address := range all[name] {
			hosts = append(hosts, name+":"+address.String())
		}
	}
	return hosts
}
