//go:build integration

package fourtuple

import (
	"context"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
)

// What containers may do, as in docker-compose.yml.
var (
	hostCapabilities  = []string{"NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SETPCAP", "KILL", "DAC_OVERRIDE", "CHOWN"}
	judgeCapabilities = []string{"DAC_OVERRIDE", "CHOWN"}
)

// makeHost makes a host's container, with its first interface; the engine
// takes the others only one by one before version 25.
func (l *lab) makeHost(t *testing.T, ctx context.Context, host string) {
	t.Helper()
	image, program, links := l.plan(host)
	first := links[0]
	l.make(t, ctx, host, testcontainers.ContainerRequest{
		Image:    image,
		Cmd:      program,
		Networks: []string{l.name(subnets[first.subnet])},
		HostConfigModifier: func(h *container.HostConfig) {
			l.confine(h, hostCapabilities)
			h.NetworkMode = container.NetworkMode(l.name(subnets[first.subnet]))
			if host == "router" {
				h.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"}
			}
		},
		EndpointSettingsModifier: func(all map[string]*network.EndpointSettings) {
			all[l.name(subnets[first.subnet])].IPAMConfig = l.static(first)
		},
	})
	for _, link := range links[1:] {
		_, err := l.engine.cli.NetworkConnect(ctx, l.name(subnets[link.subnet]), client.NetworkConnectOptions{
			Container:      l.containers[host].GetContainerID(),
			EndpointConfig: &network.EndpointSettings{IPAMConfig: l.static(link)},
		})
		require.NoError(t, err, "connect %s to %s", host, subnets[link.subnet])
	}
}

// A link is an interface: a subnet and the last byte of the address there.
type link struct{ subnet, last int }

func (l *lab) static(on link) *network.EndpointIPAMConfig {
	return &network.EndpointIPAMConfig{IPv4Address: l.address(on.subnet, on.last)}
}

// plan is a host's image, program and links.
func (l *lab) plan(host string) (image string, program []string, links []link) {
	switch host {
	case "router":
		return l.engine.server, nil, []link{{0, 254}, {1, 254}, {2, 254}, {3, 254}}
	case "server":
		return l.engine.server, append([]string{"server", "--json"}, l.change.server...), []link{{0, 10}}
	}
	subnet := int(host[len(host)-1] - '0')
	dials := "P.0.10:12000"
	if other := l.change.dials[host]; other != "" {
		dials = other
	}
	message := "Hello from " + []string{1: "the cafe", 2: "the office", 3: "campus"}[subnet]
	return l.engine.client, []string{
		"client", "--json", "--message", message, "--hold", "1m", strings.Replace(dials, "P", l.prefix, 1),
	}, []link{{subnet, 10}}
}

// makeJudge makes the conductor's container, which is on no network.
func (l *lab) makeJudge(t *testing.T, ctx context.Context) {
	t.Helper()
	entrypoint := []string{"/lab", "conduct"}
	if l.change.hold {
		entrypoint = append(entrypoint, "--hold")
	}
	l.make(t, ctx, judge, testcontainers.ContainerRequest{
		Image:      l.engine.server,
		Entrypoint: append(entrypoint, "/lab.yml", "/runs/compose"),
		Env:        map[string]string{"LAB_PREFIX": l.prefix},
		HostConfigModifier: func(h *container.HostConfig) {
			l.confine(h, judgeCapabilities)
			h.NetworkMode = network.NetworkNone
			h.Binds = append(h.Binds, l.labFile()+":/lab.yml:ro")
		},
	})
}

// confine gives a container the privileges that it has in docker-compose.yml.
func (l *lab) confine(h *container.HostConfig, capabilities []string) {
	h.CapDrop, h.CapAdd = []string{"ALL"}, capabilities
	h.SecurityOpt = []string{"no-new-privileges:true"}
	h.ReadonlyRootfs = true
	h.Binds = []string{l.runs + ":/runs"}
}

// make makes a container and starts nothing.
func (l *lab) make(t *testing.T, ctx context.Context, part string, r testcontainers.ContainerRequest) {
	t.Helper()
	r.Name, r.Labels = l.name(part), l.labels()
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{ContainerRequest: r})
	require.NoError(t, err, "make %s", part)
	l.containers[part] = c
}
