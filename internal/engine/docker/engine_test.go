package docker

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestContainerIsConfined(t *testing.T) {
	n := &network{setup: run.Setup{ID: "0123456789abcdef"}}
	made := n.container(topology.Host{
		Name: "server", Hostname: "kurose", Image: "fourtuple/server", Program: []string{"server"},
		Sysctls:    map[string]string{"net.ipv4.ip_forward": "1"},
		ExtraHosts: map[string][]netip.Addr{"b": {netip.MustParseAddr("10.0.0.2")}, "a": {netip.MustParseAddr("10.0.0.1")}},
		Links:      []topology.Link{{Subnet: "home", Address: netip.MustParsePrefix("10.12.0.10/24"), MAC: "02:00:00:00:00:01"}},
	})
	assert.Equal(t, "fourtuple-01234567-server", made.Name)
	assert.Equal(t, map[string]string{"org.fourtuple.run": "0123456789abcdef", "org.fourtuple.host": "server"}, made.Config.Labels)
	assert.Equal(t, []string{"/.fourtuple/lab", "host", "--stdio", "server"}, made.Config.Entrypoint)
	assert.Empty(t, made.Config.Cmd, "the agent is told the program by its coordinator")
	h := made.HostConfig
	assert.Equal(t, []string{"ALL"}, h.CapDrop)
	assert.Equal(t, []string{"NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SETPCAP", "KILL"}, h.CapAdd)
	assert.Equal(t, []string{"no-new-privileges"}, h.SecurityOpt)
	assert.True(t, h.ReadonlyRootfs)
	assert.Empty(t, h.Binds)
	assert.Empty(t, h.Mounts)
	assert.Equal(t, "none", h.LogConfig.Type)
	assert.Equal(t, map[string]string{"net.ipv4.ip_forward": "1", "net.ipv4.ip_unprivileged_port_start": "1024"}, h.Sysctls)
	assert.Equal(t, []string{"a:10.0.0.1", "b:10.0.0.2"}, h.ExtraHosts)
	require.Contains(t, made.NetworkingConfig.EndpointsConfig, "fourtuple-01234567-home")
	endpoint := made.NetworkingConfig.EndpointsConfig["fourtuple-01234567-home"]
	assert.Equal(t, "10.12.0.10", endpoint.IPAMConfig.IPv4Address.String())
	assert.Equal(t, apinetwork.HardwareAddr{2, 0, 0, 0, 0, 1}, endpoint.MacAddress)

	other := n.container(topology.Host{
		Name: "web", Image: "nginx",
		Links: []topology.Link{{Subnet: "home", Address: netip.MustParsePrefix("10.12.0.11/24"), Address6: netip.MustParsePrefix("fd12::11/64")}},
	})
	assert.False(t, other.HostConfig.ReadonlyRootfs, "what is not our image may write where it may")
	assert.Equal(t, []string{"NONE"}, other.Config.Healthcheck.Test)
	assert.Equal(t, "fd12::11", other.NetworkingConfig.EndpointsConfig["fourtuple-01234567-home"].IPAMConfig.IPv6Address.String())

	assert.Equal(t, container.NetworkMode("none"), n.container(topology.Host{Name: "alone"}).HostConfig.NetworkMode)
}

func TestEnding(t *testing.T) {
	for _, test := range []struct {
		state  container.State
		stderr string
		says   string
	}{
		{container.State{ExitCode: 2}, "lab: the coordinator is gone", "its container ended with status 2: the coordinator is gone"},
		{container.State{ExitCode: 137}, "", "its container ended with status 137, by signal 9"},
		{container.State{ExitCode: 137, OOMKilled: true}, "", "its container ended with status 137, as the kernel was out of memory for it"},
		{container.State{ExitCode: 1, Error: "a\nb"}, "c\x1b[2J\nd", "its container ended with status 1: a b: c [2J d"},
	} {
		assert.Equal(t, test.says, ending(&test.state, test.stderr))
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	err := errors.New("driver failed:\n iptables: \x1b]0;verdict: holds\x07 no chain\r\n")
	assert.Equal(t, "driver failed: iptables: ]0;verdict: holds no chain", oneLine(err))
}

// A lab whose engine is not there says which and what to do; DOCKER_HOST is
// believed before any context.
func TestUnreachable(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
	_, err := Engine{}.Up(t.Context(), run.Setup{})
	require.ErrorIs(t, err, ErrUnreachable)
	assert.ErrorContains(t, err, "at unix:///nowhere/docker.sock, start it or name another by DOCKER_HOST: ")
	_, err = Engine{}.Version(t.Context())
	require.ErrorIs(t, err, ErrUnreachable)
	var out strings.Builder
	require.NoError(t, Clean(t.Context(), &out))
	assert.Equal(t, "no Docker engine answers: nothing to clean there\n", out.String())
	t.Setenv("DOCKER_HOST", "tcp://[nonsense")
	_, err = Engine{}.Up(t.Context(), run.Setup{})
	require.ErrorContains(t, err, "nonsense")
}
