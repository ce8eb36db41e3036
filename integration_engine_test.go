//go:build integration

package fourtuple

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// The variables by which a test of this suite speaks to a second process of it:
// that process's id, the images it is to use, and how it is to fail.
const (
	sessionVariable = "FOURTUPLE_TEST_SESSION"
	imagesVariable  = "FOURTUPLE_TEST_IMAGES"
	failVariable    = "FOURTUPLE_TEST_FAIL"
)

// Of testcontainers' variables, reaperVariable says that the reaper is not to be
// started, hostVariable where published ports are.
const (
	reaperVariable = "TESTCONTAINERS_RYUK_DISABLED"
	hostVariable   = "TESTCONTAINERS_HOST_OVERRIDE"
)

// A session is one process that runs these tests.
type session struct {
	id  string          // part of the names and labels of all that it makes
	ctx context.Context // ends when the tests are interrupted

	open   func() (*engine, error)
	opened bool
}

func newSession(ctx context.Context) session {
	id := os.Getenv(sessionVariable)
	if id == "" {
		id = strings.ToLower(rand.Text()[:8])
	}
	return session{id: id, ctx: ctx, open: sync.OnceValues(func() (*engine, error) {
		suite.opened = true
		return openEngine(ctx, id)
	})}
}

// within is a context for a part of a test. It ends early enough for a clean-up
// before `go test -timeout` ends the process without one.
func (s *session) within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	end := time.Now().Add(limit)
	if deadline, ok := t.Deadline(); ok && deadline.Add(-30*time.Second).Before(end) {
		end = deadline.Add(-30 * time.Second)
	}
	ctx, cancel := context.WithDeadline(s.ctx, end)
	t.Cleanup(cancel)
	return ctx
}

// close removes the session's images and whatever is left of it, which is an
// error: every test removes what it made.
func (s *session) close() error {
	if !s.opened {
		return nil
	}
	e, err := s.open()
	if e == nil {
		return nil // no engine: the tests have said so
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	left, leftErr := e.left(ctx, sessionLabel, s.id)
	if len(left) > 0 {
		leftErr = errors.Join(leftErr, fmt.Errorf("left behind by the tests: %s", strings.Join(left, ", ")))
	}
	return errors.Join(leftErr, e.sweep(ctx, sessionLabel, s.id), e.untag(ctx), err, e.cli.Close())
}

// An engine is the Docker engine of the tests, and what they found out about it.
type engine struct {
	cli *client.Client
	// address is where it is, for Compose.
	address string
	// buildable says that the Dockerfiles can be built.
	buildable bool
	// server and client are the images; tags are those that the tests gave.
	server, client string
	tags           []string
	// ways says in words which ways were taken.
	ways []string
}

// docker is the engine with its images, made at the first call, whose log says
// how.
func (s *session) docker(t *testing.T) *engine {
	t.Helper()
	e, err := s.open()
	require.NoError(t, err)
	for _, way := range e.ways {
		t.Log(way)
	}
	e.ways = nil
	return e
}

// openEngine finds the engine, and out what can be had there. An engine is
// returned with an error if it is there but has no images.
func openEngine(ctx context.Context, id string) (*engine, error) {
	if err := chooseContext(ctx); err != nil {
		return nil, err
	}
	cli, err := client.New(client.FromEnv)
	if err != nil {
		return nil, err
	}
	if _, err := cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return nil, fmt.Errorf("these tests need a Docker engine: %w", err)
	}
	tclog.SetDefault(tclog.NewNoopLogger())
	e := &engine{cli: cli, address: cli.DaemonHost()}
	// testcontainers reads its configuration once, so this comes first.
	e.decideReaper(ctx)
	return e, e.makeImages(ctx, id)
}

// chooseContext makes one engine of the docker command's and everybody else's:
// Docker Desktop, Colima and rootless Docker are where a context says.
func chooseContext(ctx context.Context) error {
	if os.Getenv(client.EnvOverrideHost) != "" {
		return nil
	}
	out, err := exec.CommandContext(ctx, "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").Output()
	if err != nil {
		return nil // no docker command: the engine is at its default address
	}
	return os.Setenv(client.EnvOverrideHost, strings.TrimSpace(string(out)))
}

func (e *engine) say(format string, args ...any) {
	e.ways = append(e.ways, fmt.Sprintf(format, args...))
}

// decideReaper leaves testcontainers its reaper where that can be had. The
// tests clean up by themselves in either case; the reaper does so also when
// this process is killed.
func (e *engine) decideReaper(ctx context.Context) {
	if os.Getenv(reaperVariable) != "" {
		e.say("clean-up: by the tests; the reaper is as %s says", reaperVariable)
		return
	}
	//lint:ignore SA1019 its name is said nowhere else
	image := testcontainers.ReaperDefaultImage
	if err := e.obtain(ctx, image); err != nil {
		os.Setenv(reaperVariable, "true")
		e.say("clean-up: by the tests alone; the reaper's image %s cannot be had: %v", image, err)
		return
	}
	// testcontainers asks for no more than whether this is a container to look
	// for the engine outside; but there are containers with an engine inside.
	if os.Getenv(hostVariable) == "" && e.isHere(ctx) {
		os.Setenv(hostVariable, "127.0.0.1")
	}
	e.say("clean-up: by the tests, and by testcontainers' reaper")
}

// isHere tells whether the engine's bridge is among this machine's interfaces.
func (e *engine) isHere(ctx context.Context) bool {
	bridge, err := e.cli.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	addresses, addressErr := net.InterfaceAddrs()
	if err != nil || addressErr != nil {
		return false
	}
	return slices.ContainsFunc(bridge.Network.IPAM.Config, func(c network.IPAMConfig) bool {
		return slices.ContainsFunc(addresses, func(a net.Addr) bool {
			return netip.MustParsePrefix(a.String()).Addr() == c.Gateway
		})
	})
}

// obtain pulls an image that is not there.
func (e *engine) obtain(ctx context.Context, name string) error {
	if _, err := e.cli.ImageInspect(ctx, name); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	pull, err := e.cli.ImagePull(ctx, name, client.ImagePullOptions{})
	if err != nil {
		return err
	}
	return pull.Wait(ctx)
}
