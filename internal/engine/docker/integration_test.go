//go:build integration

package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// build gives the engine this tree's images, once.
var build = sync.OnceValues(func() (string, error) {
	var out strings.Builder
	err := BuildImages(context.Background(), ".", &out)
	return out.String(), err
})

// engine is the engine, with images; the test leaves no goroutine behind.
func engine(t *testing.T) *client.Client {
	t.Helper()
	_, err := build()
	require.NoError(t, err)
	before := goleak.IgnoreCurrent()
	cli, err := dial(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, cli.Close())
		goleak.VerifyNone(t, before)
	})
	return cli
}

// A recording is what a run's hosts recorded.
type recording struct {
	mu     sync.Mutex
	events map[string][]evidence.HostEvent
}

func (r *recording) record(host string, w evidence.Witness, records []byte) error {
	if w != evidence.Agent {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range bytes.Lines(records) {
		var e evidence.HostEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		r.events[host] = append(r.events[host], e)
	}
	return nil
}

func (r *recording) last(host string) evidence.HostEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[host][len(r.events[host])-1]
}

func (r *recording) all(host, event string) (all []evidence.HostEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events[host] {
		if e.Event == event {
			all = append(all, e)
		}
	}
	return all
}

// setup is a run of the lab
//
//	client .10 ── near 10.N.1.0/24 ── .254 router .254 ── far 10.N.2.0/24 ── .10 server
//
// of which nothing is left when the test ends.
func setup(t *testing.T, cli *client.Client) (run.Setup, *recording) {
	t.Helper()
	second := 200 + os.Getpid()%50 // tests of other packages run at the same time
	host := func(name string, ends ...string) topology.Host {
		h := topology.Host{Name: name, Image: "fourtuple/server"}
		for _, end := range ends {
			p := netip.MustParsePrefix(fmt.Sprintf("10.%d.%s/24", second, end))
			h.Links = append(h.Links, topology.Link{Subnet: []string{"", "near", "far"}[p.Addr().As4()[2]], Address: p})
		}
		return h
	}
	subnet := func(name string, third int) topology.Subnet {
		return topology.Subnet{Name: name, Prefix: netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.0/24", second, third))}
	}
	router := host("router", "1.254", "2.254")
	router.Forwards, router.Sysctls = true, map[string]string{"net.ipv4.ip_forward": "1"}
	r := &recording{events: make(map[string][]evidence.HostEvent)}
	s := run.Setup{
		ID: fmt.Sprintf("%016x", time.Now().UnixNano()), LabHash: "none", Record: r.record,
		Lab: &topology.Lab{
			Hosts:   []topology.Host{host("client", "1.10"), router, host("server", "2.10")},
			Subnets: []topology.Subnet{subnet("far", 2), subnet("near", 1)},
		},
	}
	t.Cleanup(func() {
		removed, err := removeRun(context.Background(), cli, s.ID)
		assert.NoError(t, err)
		assert.Empty(t, removed, "left behind")
	})
	return s, r
}

func TestImages(t *testing.T) {
	cli := engine(t)
	told, _ := build()
	for name, limit := range map[string]int64{"fourtuple/server": 10e6, "fourtuple/client": 10e6, "fourtuple/judge": 40e6} {
		inspected, err := cli.ImageInspect(t.Context(), name)
		require.NoError(t, err)
		assert.LessOrEqual(t, inspected.Size, limit, name)
		assert.Contains(t, told, name)
	}
	t.Log(told)

	// An image that is built anew leaves no untagged one behind.
	i := image{name: "fourtuple/test-" + strconv.Itoa(os.Getpid()), runs: `CMD ["none"]`}
	load := func(program string) (id string) {
		require.NoError(t, i.load(t.Context(), cli, []byte(program)))
		inspected, err := cli.ImageInspect(t.Context(), i.name)
		require.NoError(t, err)
		return inspected.ID
	}
	older := load("older")
	newer := load("newer")
	assert.NotEqual(t, older, newer)
	_, err := cli.ImageInspect(t.Context(), older)
	assert.True(t, cerrdefs.IsNotFound(err), "%v", err)
	_, err = cli.ImageRemove(t.Context(), newer, client.ImageRemoveOptions{})
	require.NoError(t, err)
}

// What the engine makes is what was asked for, does what it is told, and is
// gone afterwards. A host that is killed costs only itself.
func TestBringUpKillAndDown(t *testing.T) {
	cli := engine(t)
	s, recorded := setup(t, cli)
	var done []int
	s.Progress = func(n, total int) {
		assert.Equal(t, 3, total)
		done = append(done, n)
	}
	n, err := Engine{}.Up(t.Context(), s)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2, 3}, done)
	router := "fourtuple-" + s.ID[:8] + "-router"
	assert.Equal(t, "docker run -it --rm --network container:"+router+" --pid container:"+router+" nicolaka/netshoot", n.Enter["router"])
	inspected, err := cli.ContainerInspect(t.Context(), router, client.ContainerInspectOptions{})
	require.NoError(t, err)
	assert.Len(t, inspected.Container.NetworkSettings.Networks, 2)
	for _, subnet := range s.Lab.Subnets {
		made, err := cli.NetworkInspect(t.Context(), "fourtuple-"+s.ID[:8]+"-"+subnet.Name, client.NetworkInspectOptions{})
		require.NoError(t, err)
		assert.Equal(t, run.Routed, made.Network.Options)
		assert.Equal(t, subnet.Prefix, made.Network.IPAM.Config[0].Subnet)
	}

	open := topology.Step{Action: topology.Open}
	for _, host := range []string{"client", "router", "server"} {
		err := n.Hosts[host].Do(t.Context(), open)
		require.NoError(t, err, host)
	}
	_, err = cli.ContainerKill(t.Context(), "fourtuple-"+s.ID[:8]+"-client", client.ContainerKillOptions{Signal: "KILL"})
	require.NoError(t, err)
	err = n.Hosts["client"].Do(t.Context(), topology.Step{Action: topology.Snapshot, Name: "dead"})
	require.ErrorIs(t, err, run.ErrDead)
	assert.ErrorContains(t, err, "its container ended with status 137, by signal 9")
	assert.Equal(t, evidence.HostLost, recorded.last("client").Event)
	assert.Contains(t, recorded.last("client").Error, "status 137")
	for _, host := range []string{"router", "server"} {
		err := n.Hosts[host].Do(t.Context(), topology.Step{Action: topology.Close})
		require.NoError(t, err, host)
		assert.Equal(t, evidence.HostClosed, recorded.last(host).Event)
	}
	require.NoError(t, n.Down(t.Context()))
}

// An interrupt while hosts come up leaves nothing.
func TestInterruptedBringUp(t *testing.T) {
	s, _ := setup(t, engine(t))
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(int, int) { cancel() }
	_, err := Engine{}.Up(ctx, s)
	require.ErrorIs(t, err, context.Canceled)
}

// IPv6 goes from one subnet to another through the router, as soon as the hosts
// are open.
func TestIPv6(t *testing.T) {
	cli := engine(t)
	s, recorded := setup(t, cli)
	withIPv6(s.Lab)
	server, _ := s.Lab.Host("server")
	caller, _ := s.Lab.Host("client")
	at := netip.AddrPortFrom(server.Links[0].Address6.Addr(), 12000).String()
	server.Program, server.Ready.When = []string{"server", "--json", "--address", at}, topology.ReadyEvent
	caller.Program, caller.Ready.When = []string{"client", "--json", "--retry", "0", "--message", "hello", at}, topology.ReadyExit
	n, err := Engine{}.Up(t.Context(), s)
	require.NoError(t, err)
	for _, subnet := range s.Lab.Subnets {
		made, err := cli.NetworkInspect(t.Context(), "fourtuple-"+s.ID[:8]+"-"+subnet.Name, client.NetworkInspectOptions{})
		require.NoError(t, err)
		assert.True(t, made.Network.EnableIPv6)
		assert.Equal(t, "routed", made.Network.Options["com.docker.network.bridge.gateway_mode_ipv6"])
		assert.Equal(t, subnet.Prefix6, made.Network.IPAM.Config[1].Subnet)
	}
	do(t, n, topology.Open, "router", "server", "client")
	do(t, n, topology.Start, "server", "client")
	do(t, n, topology.Close, "client", "router", "server")
	require.NoError(t, n.Down(t.Context()))

	exited := recorded.all("client", evidence.HostExited)
	require.Len(t, exited, 1, "%+v", recorded.events["client"])
	assert.Equal(t, 0, *exited[0].Status, "every reply was the right one")
}

// do has hosts do a step, one after the other.
func do(t *testing.T, n *run.Network, action topology.Action, hosts ...string) {
	t.Helper()
	for _, host := range hosts {
		require.NoError(t, n.Hosts[host].Do(t.Context(), topology.Step{Action: action, On: []string{host}}), host)
	}
}

// withIPv6 gives the lab of setup fd12:N:0:S::/64 as well.
func withIPv6(l *topology.Lab) {
	six := func(p netip.Prefix, bits int) netip.Prefix {
		a := p.Addr().As4()
		return netip.MustParsePrefix(fmt.Sprintf("fd12:%d:0:%d::%d/%d", a[1], a[2], a[3], bits))
	}
	for i := range l.Subnets {
		l.Subnets[i].Prefix6 = six(l.Subnets[i].Prefix, 64)
	}
	for i := range l.Hosts {
		h := &l.Hosts[i]
		for j := range h.Links {
			h.Links[j].Address6 = six(h.Links[j].Address, 64)
		}
		if h.Forwards {
			h.Sysctls["net.ipv6.conf.all.forwarding"] = "1"
			continue
		}
		router := h.Links[0].Address6.Addr().As16()
		router[14], router[15] = 0x02, 0x54 // ::254
		h.Routes = append(h.Routes, topology.Route{Destination: netip.MustParsePrefix("::/0"), Gateway: netip.AddrFrom16(router)})
	}
}

func TestBringUpSaysWhatIsWrong(t *testing.T) {
	cli := engine(t)
	other, _ := setup(t, cli)
	n := &network{cli: cli, setup: other}
	require.NoError(t, n.makeSubnet(t.Context(), other.Lab.Subnets[0]))
	for name, test := range map[string]struct {
		change func(*topology.Lab)
		says   string
	}{
		"overlap":      {func(*topology.Lab) {}, "the network fourtuple-" + other.ID[:8] + "-far has 10."},
		"no image":     {func(l *topology.Lab) { l.Hosts[0].Image = "" }, "host client names no image"},
		"absent image": {func(l *topology.Lab) { l.Hosts[0].Image = "fourtuple/absent" }, "the engine has no image fourtuple/absent: "},
	} {
		s, _ := setup(t, cli)
		test.change(s.Lab)
		_, err := Engine{}.Up(t.Context(), s)
		assert.ErrorContains(t, err, test.says, name)
	}
	_, err := removeRun(t.Context(), cli, other.ID)
	require.NoError(t, err)

	s, _ := setup(t, cli)
	empty := image{name: "fourtuple/empty", runs: `CMD ["none"]`}
	require.NoError(t, empty.load(t.Context(), cli, nil))
	t.Cleanup(func() {
		_, err := cli.ImageRemove(context.Background(), "fourtuple/empty", client.ImageRemoveOptions{})
		assert.NoError(t, err)
	})
	s.Lab.Hosts[0].Image = "fourtuple/empty"
	_, err = Engine{}.Up(t.Context(), s)
	require.ErrorContains(t, err, "client: its agent ended before it said who it is: its container ended with status ")
}

// A run is left alone while it has a coordinator, and removed when that was
// killed: its agents have ended then.
func TestClean(t *testing.T) {
	cli := engine(t)
	s, _ := setup(t, cli)
	n, err := Engine{}.Up(t.Context(), s)
	require.NoError(t, err)
	var out strings.Builder
	label := labelRun + "=" + s.ID
	require.NoError(t, clean(t.Context(), cli, &out, label, time.Millisecond))
	assert.Equal(t, "run "+s.ID+" is alive: it is left alone\n", out.String())

	for _, host := range n.Hosts { // as the kernel does for one that was killed
		require.NoError(t, host.(*run.Remote).Close())
	}
	for _, host := range s.Lab.Hosts {
		wait := cli.ContainerWait(t.Context(), "fourtuple-"+s.ID[:8]+"-"+host.Name, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
		select {
		case <-wait.Result:
		case err := <-wait.Error:
			require.NoError(t, err)
		}
	}
	out.Reset()
	require.NoError(t, clean(t.Context(), cli, &out, label, 3*time.Second))
	for _, part := range []string{"container %s-client", "container %s-router", "network %s-near", "network %s-far"} {
		assert.Contains(t, out.String(), "removed "+fmt.Sprintf(part, "fourtuple-"+s.ID[:8])+"\n")
	}
	require.NoError(t, n.Down(t.Context()), "what is gone is no error")
}

// The engine is found where the docker command finds it: by a context, also
// over the docker command itself, which is how SSH is reached.
func TestContext(t *testing.T) {
	cli, err := dial(t.Context())
	require.NoError(t, err)
	defer cli.Close()
	address := cli.DaemonHost()
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("DOCKER_CONTEXT", "")
	out, err := exec.Command("docker", "context", "create", "here", "--docker", "host="+address).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Setenv("DOCKER_CONTEXT", "here")
	_, where, err := endpoint(t.Context())
	require.NoError(t, err)
	assert.Equal(t, address, where)

	over, err := client.New(client.WithHost("http://docker"), client.WithDialContext(dialStdio))
	require.NoError(t, err)
	defer over.Close()
	_, err = over.Ping(t.Context(), client.PingOptions{NegotiateAPIVersion: true})
	require.NoError(t, err)
	_, err = over.NetworkInspect(t.Context(), apinetwork.NetworkBridge, client.NetworkInspectOptions{})
	require.NoError(t, err)
}
