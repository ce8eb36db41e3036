//go:build integration

package fourtuple_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/fourtuple/fourtuple/internal/engine/docker"
)

// judge is the container that coordinates and judges.
const judge = "judge"

var subnets = []string{"home", "cafe", "office", "campus"} // the third bytes are 0 to 3

// What containers may do, as in docker-compose.yml.
var (
	hostCapabilities  = []string{"NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SETPCAP", "KILL"}
	judgeCapabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER"}
)

// engine is the Docker engine, with the images of this tree.
var engine = sync.OnceValues(openEngine)

// openEngine finds the engine that the docker command uses: Docker Desktop,
// Colima and rootless Docker are where a context says. It is everybody's then.
func openEngine() (*client.Client, error) {
	if os.Getenv(client.EnvOverrideHost) == "" {
		out, err := exec.CommandContext(whole, "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").Output()
		if err == nil { // else there is no docker command, and no context
			os.Setenv(client.EnvOverrideHost, strings.TrimSpace(string(out)))
		}
	}
	// The tests clean up by themselves; the reaper's image may not be there.
	if name := "TESTCONTAINERS_RYUK_DISABLED"; os.Getenv(name) == "" {
		os.Setenv(name, "true")
	}
	tclog.SetDefault(tclog.NewNoopLogger())
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return nil, err
	}
	if _, err := cli.Ping(whole, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, fmt.Errorf("these tests need a Docker engine: %w", err)
	}
	return cli, docker.BuildImages(whole, ".", os.Stderr)
}

// within is a context for a part of a test. It ends early, too, when the tests
// are interrupted: then they fail, and clean up.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(whole, limit)
	t.Cleanup(cancel)
	return ctx
}

var whole, _ = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)

// A lab is the first lab, made of containers.
type lab struct {
	run
	cli *client.Client
	id  string
	// containers are by host, and judge.
	containers map[string]testcontainers.Container
}

// labLabel is on all that a lab is made of, with its id.
const labLabel = "org.fourtuple.test"

// start makes a lab and starts all of it. What it makes is removed when the
// test ends.
func start(t *testing.T) *lab {
	t.Helper()
	cli, err := engine()
	require.NoError(t, err)
	ctx := within(t, 2*time.Minute)
	runs := t.ArtifactDir()
	l := &lab{cli: cli, id: newID(), containers: make(map[string]testcontainers.Container)}
	t.Cleanup(func() { assert.Empty(t, left(t, cli, labLabel+"="+l.id), "left behind") })
	l.run = run{filepath.Join(runs, "compose"), freePrefix(t, cli)}
	l.makeSubnets(t, ctx)
	_, err = cli.VolumeCreate(ctx, client.VolumeCreateOptions{Name: l.name("control"), Labels: l.labels()})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := cli.VolumeRemove(context.Background(), l.name("control"), client.VolumeRemoveOptions{})
		assert.NoError(t, err, "remove the volume")
	})
	for _, host := range hosts {
		l.makeHost(t, ctx, host)
	}
	l.makeJudge(t, ctx, runs)
	for name, c := range l.containers {
		require.NoError(t, c.Start(ctx), "start %s", name)
	}
	return l
}

// newID is a name that no other lab on the engine has.
func newID() string { return fmt.Sprintf("%08x", rand.Uint32()) }

func (l *lab) name(part string) string   { return "fourtuple-test-" + l.id + "-" + part }
func (l *lab) labels() map[string]string { return map[string]string{labLabel: l.id} }

// address is a host's address on a subnet.
func address(prefix string, subnet, last int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("%s.%d.%d", prefix, subnet, last))
}

// makeSubnets makes the networks. It uses the Docker client: testcontainers
// passes no options to a network's driver, and without these two Docker drops or
// rewrites what the router forwards.
func (l *lab) makeSubnets(t *testing.T, ctx context.Context) {
	t.Helper()
	for i, subnet := range subnets {
		_, err := l.cli.NetworkCreate(ctx, l.name(subnet), client.NetworkCreateOptions{
			Driver: "bridge",
			IPAM:   &network.IPAM{Config: []network.IPAMConfig{{Subnet: netip.PrefixFrom(address(l.prefix, i, 0), 24)}}},
			Options: map[string]string{
				"com.docker.network.bridge.gateway_mode_ipv4":    "routed",
				"com.docker.network.bridge.enable_ip_masquerade": "false",
			},
			Labels: l.labels(),
		})
		require.NoError(t, err, "make %s", subnet)
		t.Cleanup(func() {
			_, err := l.cli.NetworkRemove(context.Background(), l.name(subnet), client.NetworkRemoveOptions{})
			assert.NoError(t, err, "remove %s", subnet)
		})
	}
}

// freePrefix finds the first two bytes of addresses that no network of Docker's
// has, and no interface of this machine. Where it begins to look is chance, so
// that tests that run side by side do not meet.
func freePrefix(t *testing.T, cli *client.Client) string {
	t.Helper()
	networks, err := cli.NetworkList(within(t, time.Minute), client.NetworkListOptions{})
	require.NoError(t, err)
	var taken []netip.Prefix
	for _, n := range networks.Items {
		for _, c := range n.IPAM.Config {
			taken = append(taken, c.Subnet)
		}
	}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		taken = append(taken, netip.MustParsePrefix(a.String()).Masked())
	}
	const first, count = 14, 200
	begin := rand.IntN(count)
	for i := range count {
		second := first + (begin+i)%count
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(second)}), 16)
		if !slices.ContainsFunc(taken, func(p netip.Prefix) bool { return p.IsValid() && p.Overlaps(prefix) }) {
			return fmt.Sprintf("10.%d", second)
		}
	}
	require.FailNow(t, "no prefix is free")
	return ""
}

// A host is a container: its image, its program, in which P stands for the
// prefix, and its interfaces, each a subnet and the last byte of the address
// there.
type host struct {
	name, image string
	program     []string
	links       [][2]int
}

var hosts = []host{
	{"server", "fourtuple/server", []string{"server", "--json"}, [][2]int{{0, 10}}},
	{"router", "fourtuple/server", nil, [][2]int{{0, 254}, {1, 254}, {2, 254}, {3, 254}}},
	{"client1", "fourtuple/client", []string{"client", "--json", "--message", "Hello from the cafe", "--hold", "P.0.10:12000"}, [][2]int{{1, 10}}},
	{"client2", "fourtuple/client", []string{"client", "--json", "--message", "Hello from the office", "--hold", "P.0.10:12000"}, [][2]int{{2, 10}}},
	{"client3", "fourtuple/client", []string{"client", "--json", "--message", "Hello from campus", "--hold", "P.0.10:12000"}, [][2]int{{3, 10}}},
}

// makeHost makes a host's container, with its first interface; the engine
// takes the others only one by one before version 25.
func (l *lab) makeHost(t *testing.T, ctx context.Context, host host) {
	t.Helper()
	static := func(link [2]int) *network.EndpointIPAMConfig {
		return &network.EndpointIPAMConfig{IPv4Address: address(l.prefix, link[0], link[1])}
	}
	var program []string
	for _, word := range host.program {
		program = append(program, strings.Replace(word, "P.", l.prefix+".", 1))
	}
	first := l.name(subnets[host.links[0][0]])
	l.make(t, ctx, host.name, hostCapabilities, testcontainers.ContainerRequest{
		Image:      host.image,
		Entrypoint: []string{"/lab", "host", host.name},
		Cmd:        program,
		Networks:   []string{first},
		HostConfigModifier: func(h *container.HostConfig) {
			h.NetworkMode = container.NetworkMode(first)
			if host.name == "router" {
				h.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"}
			}
		},
		EndpointSettingsModifier: func(all map[string]*network.EndpointSettings) {
			all[first].IPAMConfig = static(host.links[0])
		},
	})
	for _, link := range host.links[1:] {
		_, err := l.cli.NetworkConnect(ctx, l.name(subnets[link[0]]), client.NetworkConnectOptions{
			Container:      l.containers[host.name].GetContainerID(),
			EndpointConfig: &network.EndpointSettings{IPAMConfig: static(link)},
		})
		require.NoError(t, err, "connect %s to %s", host.name, subnets[link[0]])
	}
}

// makeJudge makes the coordinator's container, which is on no network.
func (l *lab) makeJudge(t *testing.T, ctx context.Context, runs string) {
	t.Helper()
	file, err := filepath.Abs("docker-compose.yml")
	require.NoError(t, err)
	l.make(t, ctx, judge, judgeCapabilities, testcontainers.ContainerRequest{
		Image:      "fourtuple/judge",
		Entrypoint: []string{"/lab", "run", "/lab.yml", "--engine", "compose", "--out", "/runs/compose"},
		Env:        map[string]string{"LAB_PREFIX": l.prefix},
		HostConfigModifier: func(h *container.HostConfig) {
			h.NetworkMode, h.UsernsMode = network.NetworkNone, "host"
			h.Binds = []string{runs + ":/runs", file + ":/lab.yml:ro"}
		},
	})
}

// make makes a container with the privileges that it has in docker-compose.yml,
// and starts nothing.
func (l *lab) make(t *testing.T, ctx context.Context, part string, capabilities []string, r testcontainers.ContainerRequest) {
	t.Helper()
	r.Name, r.Labels = l.name(part), l.labels()
	more := r.HostConfigModifier
	r.HostConfigModifier = func(h *container.HostConfig) {
		h.CapDrop, h.CapAdd = []string{"ALL"}, capabilities
		h.SecurityOpt, h.ReadonlyRootfs = []string{"no-new-privileges"}, true
		h.Mounts = []mount.Mount{{Type: mount.TypeVolume, Source: l.name("control"), Target: "/control"}}
		more(h)
	}
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{ContainerRequest: r})
	require.NoError(t, err, "make %s", part)
	l.containers[part] = c
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s printed:\n%s", part, l.log(t, part))
		}
		assert.NoError(t, c.Terminate(context.Background()), "remove %s", part)
	})
}

// ended is the exit status of a container, when it has ended by itself. The
// lab's own limit is one minute.
func ended(t *testing.T, cli *client.Client, id string) int {
	t.Helper()
	wait := cli.ContainerWait(within(t, 100*time.Second), id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case response := <-wait.Result:
		return int(response.StatusCode)
	case err := <-wait.Error:
		require.NoError(t, err, "wait for a container's end")
		return -1
	}
}

// log is what a container printed.
func (l *lab) log(t *testing.T, part string) string {
	t.Helper()
	logs, err := l.containers[part].Logs(context.Background())
	require.NoError(t, err)
	defer logs.Close()
	text, err := io.ReadAll(logs)
	require.NoError(t, err)
	return string(text)
}

// left are the containers, networks and volumes with the label.
func left(t *testing.T, cli *client.Client, label string) (left []string) {
	t.Helper()
	ctx, filters := context.Background(), make(client.Filters).Add("label", label)
	containers, containerErr := cli.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	for _, c := range containers.Items {
		left = append(left, "container "+strings.Join(c.Names, " "))
	}
	networks, networkErr := cli.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	for _, n := range networks.Items {
		left = append(left, "network "+n.Name)
	}
	volumes, volumeErr := cli.VolumeList(ctx, client.VolumeListOptions{Filters: filters})
	for _, v := range volumes.Items {
		left = append(left, "volume "+v.Name)
	}
	require.NoError(t, errors.Join(containerErr, networkErr, volumeErr))
	return left
}
