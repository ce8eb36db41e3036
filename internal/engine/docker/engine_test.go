//go:build unix

package docker

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// oldest and newest are versions of the API that engines speak.
const (
	oldest = "1.41"
	newest = "1.52"
)

// near is a small lab:
//
//	home 10.12.0.0/24  server .10 ─┐
//	cafe 10.12.1.0/24  client .10 ─┴─ router, .254 on both
func near(t *testing.T) *topology.Lab {
	t.Helper()
	lab, err := topology.Load("testdata/near.yml", nil)
	require.NoError(t, err)
	return lab
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// lines is what was written, for several goroutines.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestRunMakesTheLabAndLeavesOnlyEvidence(t *testing.T) {
	for _, version := range []string{oldest, newest} {
		t.Run(version, func(t *testing.T) {
			f := newFake(t, version)
			lab, folder := near(t), filepath.Join(t.TempDir(), "run")
			var steps []string
			o := run.Options{Progress: func(step string, done, total int) {
				if done == total {
					steps = append(steps, step)
				}
			}}
			require.NoError(t, Engine{}.Run(within(t), lab, folder, o))

			assert.Empty(t, f.remaining())
			kept, err := os.ReadFile(filepath.Join(folder, evidence.LabFile))
			require.NoError(t, err)
			assert.Equal(t, string(lab.Source), string(kept))
			for _, h := range lab.Hosts {
				assert.FileExists(t, filepath.Join(folder, evidence.FileName(h.Name, evidence.Agent)))
			}
			assert.Equal(t, []string{"make", "boot", "open", "start", "settle", "start", "settle", "snapshot", "stop", "stop", "close", "remove"}, steps)
		})
	}
}

func TestAHostIsAsInTheComposeFile(t *testing.T) {
	for _, version := range []string{oldest, newest} {
		t.Run(version, func(t *testing.T) {
			f := newFake(t, version)
			folder := filepath.Join(t.TempDir(), "run")
			require.NoError(t, Engine{}.Run(within(t), near(t), folder, run.Options{}))
			for _, c := range f.made {
				assert.Equal(t, []string{"ALL"}, c.HostConfig.CapDrop)
				assert.Equal(t, []string{"no-new-privileges:true"}, c.HostConfig.SecurityOpt)
				assert.True(t, c.HostConfig.ReadonlyRootfs)
				assert.Equal(t, folder, c.folder())
				assert.Equal(t, "/runs/compose", c.HostConfig.Mounts[0].Target)
				if c.part() == conductorPart {
					assert.Equal(t, "none", string(c.HostConfig.NetworkMode))
					assert.Equal(t, []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE"}, c.HostConfig.CapAdd)
					continue
				}
				assert.Equal(t, []string{"/lab", "host", "--"}, c.Entrypoint)
				assert.Equal(t, []string{
					"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
				}, c.HostConfig.CapAdd)
			}
			client := f.container(t, "client")
			assert.Equal(t, "box", client.Hostname)
			assert.Equal(t, []string{"client", "10.12.0.10:12000"}, client.Cmd)
			assert.Equal(t, []string{"GREETING=hello"}, client.Env)
			assert.Equal(t, []string{"elsewhere:10.12.0.99"}, client.HostConfig.ExtraHosts)
			assert.Equal(t, "SIGINT", client.StopSignal)

			router := f.container(t, "router")
			assert.Empty(t, router.Cmd)
			assert.Equal(t, map[string]string{"net.ipv4.ip_forward": "1"}, router.HostConfig.Sysctls)
			var addresses []string
			for _, e := range router.endpoints {
				addresses = append(addresses, e.IPAMConfig.IPv4Address.String())
				assert.Equal(t, []string{"router"}, e.Aliases)
			}
			slices.Sort(addresses)
			assert.Equal(t, []string{"10.12.0.254", "10.12.1.254"}, addresses)
			// An old engine refuses to make a container with two endpoints.
			assert.Len(t, router.NetworkingConfig.EndpointsConfig, map[string]int{oldest: 1, newest: 2}[version])
		})
	}
}

// container is the container that was made for a host.
func (f *fakeEngine) container(t *testing.T, host string) *fakeContainer {
	t.Helper()
	i := slices.IndexFunc(f.made, func(c *fakeContainer) bool { return c.part() == host })
	require.GreaterOrEqual(t, i, 0, "no container for %s", host)
	return f.made[i]
}

func TestNetworksAreRoutedWhateverTheLabSays(t *testing.T) {
	lab := near(t)
	lab.Subnets[0].DriverOptions = map[string]string{
		"com.docker.network.bridge.enable_ip_masquerade": "true",
		"com.docker.network.driver.mtu":                  "1400",
	}
	o := networkOptions("id", lab.Subnets[0])
	assert.Equal(t, map[string]string{
		"com.docker.network.bridge.gateway_mode_ipv4":    "routed",
		"com.docker.network.bridge.enable_ip_masquerade": "false",
		"com.docker.network.driver.mtu":                  "1400",
	}, o.Options)
	assert.Equal(t, []network.IPAMConfig{{Subnet: lab.Subnets[0].Prefix, Gateway: lab.Subnets[0].Gateway}}, o.IPAM.Config)
}

// TestWhateverGoesWrongAllIsUndone lets each request go wrong in turn.
func TestWhateverGoesWrongAllIsUndone(t *testing.T) {
	for _, version := range []string{oldest, newest} {
		f := newFake(t, version)
		require.NoError(t, Engine{}.Run(within(t), near(t), filepath.Join(t.TempDir(), "run"), run.Options{}))
		require.Greater(t, f.requests, 15)
		for _, wrong := range []fault{refused, unheard} {
			for k := range f.requests {
				f := newFake(t, version)
				failed := ""
				f.fault = func(n int, r *http.Request) fault {
					if n != k+1 {
						return none
					}
					failed = r.Method + " " + r.URL.Path
					return wrong
				}
				err := Engine{}.Run(within(t), near(t), filepath.Join(t.TempDir(), "run"), run.Options{})
				assert.Empty(t, f.remaining(), "%s, %s went wrong", version, failed)
				// The rest is asked for again, or missing it costs nothing.
				if asked := strings.HasPrefix(failed, http.MethodPost); asked && !strings.HasSuffix(failed, "/wait") {
					require.Error(t, err, "%s, %s went wrong", version, failed)
				}
			}
		}
	}
}

func TestWhenItIsEndedAllIsUndone(t *testing.T) {
	f := newFake(t, oldest)
	require.NoError(t, Engine{}.Run(within(t), near(t), filepath.Join(t.TempDir(), "run"), run.Options{}))
	for k := range f.requests {
		f := newFake(t, oldest)
		ctx, cancel := context.WithCancel(within(t))
		f.fault = func(n int, _ *http.Request) fault {
			if n == k+1 {
				cancel()
			}
			return none
		}
		err := Engine{}.Run(ctx, near(t), filepath.Join(t.TempDir(), "run"), run.Options{})
		assert.Empty(t, f.remaining(), "ended at request %d", k+1)
		if err != nil {
			require.ErrorIs(t, err, context.Canceled, "ended at request %d", k+1)
		}
		cancel()
	}
}

func TestAHeldLabStaysUntilItIsLetGo(t *testing.T) {
	f := newFake(t, oldest)
	held := false
	err := Engine{}.Run(within(t), near(t), filepath.Join(t.TempDir(), "run"), run.Options{Hold: func(context.Context) {
		held = true
		assert.Len(t, f.remaining(), 6)
	}})
	require.NoError(t, err)
	assert.True(t, held)
	assert.Empty(t, f.remaining())
}

func TestAHoldOutlivesTheLimit(t *testing.T) {
	f := newFake(t, oldest)
	ctx, cancel := context.WithCancel(within(t))
	over := false
	err := Engine{}.Run(ctx, near(t), filepath.Join(t.TempDir(), "run"), run.Options{Hold: func(held context.Context) {
		cancel()
		over = held.Err() != nil
	}})
	require.NoError(t, err)
	assert.False(t, over)
	assert.Empty(t, f.remaining())
}

func TestAHostThatNeverAppearsEndsTheRun(t *testing.T) {
	f := newFake(t, oldest)
	f.agent = func(ctx context.Context, c *fakeContainer) int {
		if c.part() == "client" {
			_, _ = c.errs.WriteString("lab: no host has these addresses\n")
			return 2
		}
		return obey(ctx, c)
	}
	err := Engine{}.Run(within(t), near(t), filepath.Join(t.TempDir(), "run"), run.Options{})
	require.EqualError(t, err, "client: its agent ended with status 2: no host has these addresses")
	assert.Empty(t, f.remaining())
}

func TestAHostThatDiesIsTold(t *testing.T) {
	f := newFake(t, oldest)
	f.agent = func(ctx context.Context, c *fakeContainer) int {
		if c.part() != "client" {
			return obey(ctx, c)
		}
		account, err := evidence.Create(c.folder(), "client", evidence.Agent)
		if err == nil {
			err = evidence.Append(account, evidence.HostEvent{Event: evidence.HostRegistered})
		}
		if err != nil {
			return 1
		}
		_, _ = account.Close()
		return 137
	}
	var lost []string
	var log lines
	err := Engine{Log: &log}.Run(within(t), near(t), waitingFolder(t, f), run.Options{Lost: func(err error) { lost = append(lost, err.Error()) }})
	require.NoError(t, err, "it costs its own evidence only")
	require.Len(t, lost, 1)
	assert.Contains(t, lost[0], "client: the host died")
	assert.Equal(t, "lab: client: its agent ended with status 137\n", log.String())
}

// waitingFolder is a run folder that hosts come upon when the conductor has
// taken it.
func waitingFolder(t *testing.T, f *fakeEngine) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "run")
	agent := f.agent
	f.agent = func(ctx context.Context, c *fakeContainer) int {
		score, err := run.Await(ctx, folder)
		if err != nil {
			return 1
		}
		_ = score.Close()
		return agent(ctx, c)
	}
	return folder
}

func TestWhatTheConductorSaysIsTheError(t *testing.T) {
	f := newFake(t, oldest)
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "diary"), nil, 0o600))
	err := Engine{}.Run(within(t), near(t), folder, run.Options{})
	require.ErrorContains(t, err, folder+" holds diary, which is no part of a run")
	assert.Empty(t, f.remaining())
	assert.FileExists(t, filepath.Join(folder, "diary"))
}

func TestAConductorThatDiesSilently(t *testing.T) {
	f := newFake(t, oldest)
	f.conductor = func(context.Context, *fakeContainer) int { return 137 }
	err := Engine{}.Run(within(t), near(t), filepath.Join(t.TempDir(), "run"), run.Options{})
	require.EqualError(t, err, "the conductor ended with status 137 and said nothing")
	assert.Empty(t, f.remaining())
}

func TestEvidenceThatIsElsewhere(t *testing.T) {
	f := newFake(t, oldest)
	f.conductor = func(context.Context, *fakeContainer) int { return 0 }
	err := Engine{}.Run(within(t), near(t), filepath.Join(t.TempDir(), "run"), run.Options{})
	require.ErrorContains(t, err, "in a folder of that name elsewhere")
	assert.Empty(t, f.remaining())
}

func TestASubnetThatIsTaken(t *testing.T) {
	f := newFake(t, oldest)
	lab := near(t)
	f.networks["office"] = network.Summary{Network: network.Network{Name: "office", IPAM: network.IPAM{Config: []network.IPAMConfig{{Subnet: lab.Subnets[0].Prefix}}}}}
	err := Engine{}.Run(within(t), lab, filepath.Join(t.TempDir(), "run"), run.Options{})
	require.ErrorContains(t, err, "make subnet cafe, 10.12.1.0/24: ")
	require.ErrorContains(t, err, "Pool overlaps")
	require.ErrorContains(t, err, "the network office has 10.12.1.0/24")
	require.ErrorContains(t, err, "LAB_PREFIX")
	assert.Equal(t, []string{"office"}, f.remaining())
}

func TestAHardwareAddressNeedsANewEngine(t *testing.T) {
	lab := near(t)
	lab.Hosts[0].Links[0].MAC = "02:00:00:00:00:01"
	f := newFake(t, oldest)
	err := Engine{}.Run(within(t), lab, filepath.Join(t.TempDir(), "run"), run.Options{})
	require.ErrorContains(t, err, "host client: its hardware address on cafe cannot be set by a Docker engine before 25")
	assert.Empty(t, f.remaining())

	f = newFake(t, newest)
	require.NoError(t, Engine{}.Run(within(t), lab, filepath.Join(t.TempDir(), "run"), run.Options{}))
	for _, e := range f.container(t, "client").endpoints {
		assert.Equal(t, "02:00:00:00:00:01", e.MacAddress.String())
	}
}

func TestAMissingImage(t *testing.T) {
	f := newFake(t, oldest)
	f.images = []string{serverImage}
	folder := filepath.Join(t.TempDir(), "run")
	err := Engine{}.Run(within(t), near(t), folder, run.Options{})
	require.EqualError(t, err, "the engine has no image fourtuple/client: build it by `lab images` or `docker compose build`")
	assert.NoDirExists(t, folder)

	lab := near(t)
	lab.Hosts[0].Image = "python"
	f.images = append(f.images, clientImage)
	require.EqualError(t, Engine{}.Run(within(t), lab, folder, run.Options{}), "the engine has no image python: build it by `docker compose build`, or pull it")
	lab.Hosts[0].Image = ""
	require.EqualError(t, Engine{}.Run(within(t), lab, folder, run.Options{}), "host client: it names no image, which the docker engine needs")
}

func TestTheLimitPassesBeforeTheLabIsUp(t *testing.T) {
	f := newFake(t, oldest)
	ctx, cancel := context.WithDeadlineCause(within(t), time.Now().Add(-time.Second), errors.New("late"))
	defer cancel()
	err := Engine{}.Run(ctx, near(t), filepath.Join(t.TempDir(), "run"), run.Options{})
	require.ErrorContains(t, err, "the lab's limit, 1m0s, passed before the lab was up")
	assert.Empty(t, f.remaining())
}
