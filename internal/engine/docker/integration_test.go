//go:build integration && unix

package docker

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// things is how many containers and networks a run of it has.
const things = 6 + 4

func long(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// engine is the real one, with the images as the sources are.
func engine(t *testing.T) *client.Client {
	t.Helper()
	cli, err := dialLocal(long(t))
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = cli.Close() })
	require.NoError(t, BuildImages(long(t), ".", io.Discard))
	return cli
}

// unused is a prefix that no network has addresses of, nor anybody else here.
func unused(t *testing.T, cli *client.Client, others ...string) string {
	t.Helper()
	networks, err := cli.NetworkList(long(t), client.NetworkListOptions{})
	require.NoError(t, err)
	for range 100 {
		prefix := fmt.Sprintf("10.%d", 64+rand.IntN(128))
		all, taken := netip.MustParsePrefix(prefix+".0.0/16"), slices.Contains(others, prefix)
		for _, n := range networks.Items {
			for _, c := range n.IPAM.Config {
				taken = taken || c.Subnet.IsValid() && c.Subnet.Overlaps(all)
			}
		}
		if !taken {
			return prefix
		}
	}
	require.Fail(t, "no prefix is unused")
	return ""
}

func labAt(t *testing.T, prefix string) *topology.Lab {
	t.Helper()
	lab, err := topology.Load(firstLab, []string{victimPrefix + "=" + prefix})
	require.NoError(t, err)
	return lab
}

// those are the containers and networks with addresses under a prefix.
func those(t *testing.T, cli *client.Client, prefix string) (names []string) {
	t.Helper()
	runs, _, err := findRuns(long(t), cli)
	require.NoError(t, err)
	for _, f := range runs {
		for _, name := range f.networks {
			n, err := cli.NetworkInspect(long(t), name, client.NetworkInspectOptions{})
			if err == nil && n.Network.IPAM.Config[0].Subnet.Overlaps(netip.MustParsePrefix(prefix+".0.0/16")) {
				return append(f.containers, f.networks...)
			}
		}
	}
	return nil
}

func TestTwoLabsAtOnce(t *testing.T) {
	cli := engine(t)
	first := unused(t, cli)
	second := unused(t, cli, first)
	folder := filepath.Join(t.TempDir(), "first")
	err := Engine{Log: t.Output()}.Run(long(t), labAt(t, first), folder, run.Options{Hold: func(context.Context) {
		assert.Len(t, those(t, cli, first), things)
		other := filepath.Join(t.TempDir(), "second")
		assert.NoError(t, Engine{Log: t.Output()}.Run(long(t), labAt(t, second), other, run.Options{}))
		threeClientsIn(t, other, second)
		assert.ErrorContains(t, Engine{}.Run(long(t), labAt(t, first), filepath.Join(t.TempDir(), "third"), run.Options{}), "LAB_PREFIX")
		assert.NoError(t, Clean(long(t), t.Output()))
		assert.Len(t, those(t, cli, first), things, "a living lab is nobody's to clean")
	}})
	require.NoError(t, err)
	threeClientsIn(t, folder, first)
	assert.Empty(t, those(t, cli, first))
	assert.Empty(t, those(t, cli, second))
}

// threeClientsIn reads in the server's sockets that it was reached from three
// subnets over its one port.
func threeClientsIn(t *testing.T, folder, prefix string) {
	t.Helper()
	run, err := evidence.Load(os.DirFS(folder))
	require.NoError(t, err)
	server, ok := run.Hosts["server"]
	require.True(t, ok)
	sources := make(map[string]bool)
	for _, s := range server.Sockets {
		if s.State == evidence.Established {
			assert.Equal(t, prefix+".0.10:12000", s.Local.String())
			sources[s.Remote.Addr().String()] = true
		}
	}
	assert.Equal(t, map[string]bool{prefix + ".1.10": true, prefix + ".2.10": true, prefix + ".3.10": true}, sources)
}

func TestTheRunBelongsToTheFoldersOwner(t *testing.T) {
	cli := engine(t)
	above := t.TempDir()
	uid := os.Getuid()
	if uid == 0 {
		uid = 1234 // as under sudo
		require.NoError(t, os.Chown(above, uid, uid))
	}
	folder := filepath.Join(above, "run")
	require.NoError(t, Engine{Log: t.Output()}.Run(long(t), labAt(t, unused(t, cli)), folder, run.Options{}))
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Greater(t, len(entries), 5*5)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		assert.Equal(t, uid, int(info.Sys().(*syscall.Stat_t).Uid), e.Name())
	}
}

func TestCleanRemovesWhatAKilledRunLeft(t *testing.T) {
	cli := engine(t)
	prefix := unused(t, cli)
	folder := filepath.Join(t.TempDir(), "run")
	victim := exec.CommandContext(long(t), os.Args[0])
	victim.Env = append(os.Environ(), victimFolder+"="+folder, victimPrefix+"="+prefix)
	out, err := victim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, victim.Start())
	up := make([]byte, 3)
	_, err = io.ReadFull(out, up)
	require.NoError(t, err)
	require.NoError(t, victim.Process.Kill())
	_ = victim.Wait()
	assert.Len(t, those(t, cli, prefix), things)

	// Its conductor notices, and ends the run with all that was seen.
	require.Eventually(t, func() bool {
		require.NoError(t, Clean(long(t), t.Output()))
		return len(those(t, cli, prefix)) == 0
	}, time.Minute, 200*time.Millisecond)
	threeClientsIn(t, folder, prefix)
}

func TestImagesAreTheDockerfiles(t *testing.T) {
	cli := engine(t)
	for _, name := range []string{serverImage, clientImage} {
		first, err := cli.ImageInspect(long(t), name)
		require.NoError(t, err)
		assert.Equal(t, []string{"PATH=/"}, first.Config.Env, name)
		assert.Equal(t, []string{"/lab", "host", "--"}, first.Config.Entrypoint, name)
		assert.Equal(t, map[string]string{labelKind: kindImage}, first.Config.Labels, name)
		assert.Len(t, first.RootFS.Layers, 1, name)
		var out lines
		require.NoError(t, BuildImages(long(t), ".", &out))
		again, err := cli.ImageInspect(long(t), name)
		require.NoError(t, err)
		assert.Equal(t, first.ID, again.ID, "%s, from the same sources", name)
	}
}
