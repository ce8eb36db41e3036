//go:build integration

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	"github.com/fourtuple/fourtuple/internal/nettest"
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
	lines  map[string][]string // that programs print, but for events
}

func (r *recording) record(host string, w evidence.Witness, records []byte) error {
	if w != evidence.Agent && w != evidence.Program {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for line := range bytes.Lines(records) {
		var e evidence.HostEvent
		var p evidence.ProgramEvent
		var err error
		switch w {
		case evidence.Agent:
			err = json.Unmarshal(line, &e)
			r.events[host] = append(r.events[host], e)
		case evidence.Program:
			if err = json.Unmarshal(line, &p); p.Event == evidence.EventLine {
				r.lines[host] = append(r.lines[host], p.Text+p.Error)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *recording) printed(host string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines[host]
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
	r := &recording{events: make(map[string][]evidence.HostEvent), lines: make(map[string][]string)}
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
	i := image{name: "fourtuple/test-" + strconv.Itoa(os.Getpid()), command: agentCommand}
	load := func(program string) (id string) {
		_, err := i.load(t.Context(), cli, map[string][]byte{agentCommand: []byte(program)})
		require.NoError(t, err)
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
	n := newNetwork(cli, other)
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
	name := foreign(t, cli)
	s.Lab.Hosts[0].Image = name
	_, err = Engine{}.Up(t.Context(), s)
	require.ErrorContains(t, err, `host client runs no program, as it has no command and that of an image does not count: write command: ["sh" "-c" "exit 3"], as the image `+name+" has it")
}

// A program of an image that is not ours finds what the image has, ours, and the
// network; its host is watched as any other is.
func TestForeignImage(t *testing.T) {
	cli := engine(t)
	s, recorded := setup(t, cli)
	name := foreign(t, cli)
	caller, _ := s.Lab.Host("client")
	server, _ := s.Lab.Host("server")
	server.Program, server.Ready.When = []string{"server", "--json"}, topology.ReadyEvent
	caller.Image, caller.Ready.When = name, topology.ReadyExit
	caller.Program = []string{"sh", "-c", fmt.Sprintf(`echo "$GREETING, $HOME $(pwd) $(id -u) $PATH"; for p in server socket lab; do command -v $p; done; touch /tmp/file && client --json --message "$GREETING" %s:12000`, server.Links[0].Address.Addr())}
	router, _ := s.Lab.Host("router")
	router.Image = name + ":latest"
	for _, h := range []*topology.Host{caller, server} { // over the router
		gateway := h.Links[0].Address.Addr().As4()
		gateway[3] = 254
		h.Routes = []topology.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.AddrFrom4(gateway)}}
	}
	n, err := Engine{}.Up(t.Context(), s)
	require.NoError(t, err)
	inspected, err := cli.ContainerInspect(t.Context(), "fourtuple-"+s.ID[:8]+"-client", client.ContainerInspectOptions{})
	require.NoError(t, err)
	assert.Nil(t, inspected.Container.State.Health, "no check of the image's runs")
	do(t, n, topology.Open, "router", "server", "client")
	do(t, n, topology.Start, "server", "client")
	do(t, n, topology.Close, "client", "router", "server")
	require.NoError(t, n.Down(t.Context()))

	exited := recorded.all("client", evidence.HostExited)
	require.Len(t, exited, 1)
	assert.Equal(t, 0, *exited[0].Status)
	lines := recorded.printed("client")
	require.GreaterOrEqual(t, len(lines), 4)
	assert.Equal(t, []string{
		"hello from the image, / /data 65534 /.fourtuple:/bin",
		"/.fourtuple/server", "/.fourtuple/socket", "/.fourtuple/lab",
	}, lines[:4])
}

// foreign gives the engine an image with a shell and a check of its own, until
// the test ends, and returns its name.
func foreign(t *testing.T, cli *client.Client) string {
	t.Helper()
	nettest.Tool(t, "busybox")
	path, err := exec.LookPath("busybox")
	require.NoError(t, err)
	busybox, err := os.ReadFile(path)
	require.NoError(t, err)
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, dir := range []tar.Header{{Name: "bin/", Mode: 0o755}, {Name: "data/", Mode: 0o755}, {Name: "tmp/", Mode: 0o1777}} {
		dir.Typeflag = tar.TypeDir
		require.NoError(t, w.WriteHeader(&dir))
	}
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(len(busybox))}))
	_, err = w.Write(busybox)
	require.NoError(t, err)
	for _, name := range []string{"sh", "id", "touch"} {
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox"}))
	}
	require.NoError(t, w.Close())
	name := "fourtuple/foreign-" + strconv.Itoa(os.Getpid())
	answer, err := cli.ImageImport(t.Context(), client.ImageImportSource{Source: &files, SourceName: "-"}, name, client.ImageImportOptions{
		Tag: "latest",
		Changes: []string{
			"ENV PATH=/bin", "ENV GREETING=hello\\ from\\ the\\ image", "WORKDIR /data", "USER 1000",
			`CMD ["sh", "-c", "exit 3"]`, "HEALTHCHECK CMD true",
		},
	})
	require.NoError(t, err)
	said, err := io.ReadAll(answer)
	require.NoError(t, err)
	require.NoError(t, answer.Close())
	require.NotContains(t, string(said), `"error"`)
	t.Cleanup(func() {
		_, err := cli.ImageRemove(context.Background(), name, client.ImageRemoveOptions{})
		assert.NoError(t, err)
	})
	return name
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

func TestVersion(t *testing.T) {
	cli := engine(t)
	told, err := cli.ServerVersion(t.Context(), client.ServerVersionOptions{})
	require.NoError(t, err)
	version, err := Engine{}.Version(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "docker "+told.Version, version)
	assert.Regexp(t, `^docker \d+\.\d+`, version)
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
