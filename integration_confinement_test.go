//go:build integration

package fourtuple

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// assertConfined asserts what a container may do, as its engine tells it.
func assertConfined(t *testing.T, part string, c container.InspectResponse) {
	t.Helper()
	h := c.HostConfig
	assert.False(t, h.Privileged, "%s is privileged", part)
	assert.Equal(t, []string{"ALL"}, withoutCap(h.CapDrop), "what %s drops", part)
	allowed := hostCapabilities
	if part == judge {
		allowed = judgeCapabilities
	}
	assert.ElementsMatch(t, allowed, withoutCap(h.CapAdd), "what is added to %s", part)
	assert.True(t, h.ReadonlyRootfs, "the root of %s can be written", part)
	assert.Contains(t, h.SecurityOpt, "no-new-privileges:true", part)
	assert.Empty(t, h.PortBindings, "%s publishes ports", part)
	assert.False(t, h.PidMode.IsHost() || h.IpcMode.IsHost() || h.UTSMode.IsHost() || h.NetworkMode.IsHost(), "%s shares a namespace", part)
	for _, m := range c.Mounts {
		assert.Equal(t, "bind", string(m.Type), "%s has a volume", part)
		assert.Contains(t, []string{"/runs", "/lab.yml"}, m.Destination, part)
	}
}

// withoutCap writes capabilities as Compose files do.
func withoutCap(capabilities []string) (names []string) {
	for _, c := range capabilities {
		names = append(names, strings.TrimPrefix(c, "CAP_"))
	}
	return names
}

// assertPlaces asserts that containers are on their own subnets and no others:
// no client on the server's, the judge on none.
func assertPlaces(t *testing.T, on map[string][]string) {
	t.Helper()
	assert.Equal(t, map[string][]string{
		"server": {"home"}, "router": {"cafe", "campus", "home", "office"},
		"client1": {"cafe"}, "client2": {"office"}, "client3": {"campus"}, judge: {"none"},
	}, on)
}

// networksOf are the names of a container's networks, without what comes before
// the subnet's name.
func networksOf(c container.InspectResponse, before string) (names []string) {
	for name := range c.NetworkSettings.Networks {
		names = append(names, strings.TrimPrefix(name, before))
	}
	slices.Sort(names)
	return names
}

// The containers, and the programs in them while they run, may do what they
// need, and no more.
func TestConfinement(t *testing.T) {
	l := start(t, change{hold: true})
	l.waitUntilHeld(t)
	on := make(map[string][]string)
	for part, c := range l.containers {
		inspected, err := c.Inspect(suite.within(t, 30*time.Second))
		require.NoError(t, err)
		assertConfined(t, part, *inspected)
		on[part] = networksOf(*inspected, l.name(""))
	}
	assertPlaces(t, on)
	l.assertPrograms(t)
	l.signal(t, judge, "SIGTERM")
	l.assertVerdict(t, l.wait(t), statusHolds, "holds")
}

// A status is what /proc/PID/status says (proc(5)).
type status map[string]string

func readStatus(file string) status {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil // it has ended
	}
	s := make(status)
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		s[name] = strings.Join(strings.Fields(value), " ")
	}
	return s
}

// none is an empty set of capabilities in a status.
const none = "0000000000000000"

// assertPrograms asserts that the programs under study have no capability, no
// way to get one and no user but nobody, where their processes can be seen.
func (l *lab) assertPrograms(t *testing.T) {
	t.Helper()
	for part, c := range l.containers {
		found := processes([]string{c.GetContainerID()})
		if len(found) == 0 {
			missing(t, "the engine's processes are not this machine's: nobody can look at them from here")
		}
		var programs int
		for _, process := range found {
			pid := regexp.MustCompile(`\d+`).FindString(process)
			s := readStatus(filepath.Join("/proc", pid, "status"))
			assert.Equal(t, "1", s["NoNewPrivs"], "%s, %s", part, s["Name"])
			if s["Name"] == "lab" {
				// The control: an agent's capabilities are seen.
				assert.NotEqual(t, none, s["CapEff"], "%s of %s", s["Name"], part)
				continue
			}
			programs++
			for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"} {
				assert.Equal(t, none, s[set], "%s of %s in %s", set, s["Name"], part)
			}
			for _, user := range []string{"Uid", "Gid"} {
				assert.Equal(t, "65534 65534 65534 65534", s[user], "%s of %s in %s", user, s["Name"], part)
			}
			assert.Empty(t, s["Groups"], "groups of %s in %s", s["Name"], part)
		}
		want := 1
		if part == judge || part == "router" {
			want = 0
		}
		assert.Equal(t, want, programs, "programs in %s: %v", part, found)
	}
}

// The images hold two static programs and nothing else.
func TestImages(t *testing.T) {
	e := suite.docker(t)
	ctx := suite.within(t, 2*time.Minute)
	for image, programs := range map[string][]string{e.server: {"lab", "server"}, e.client: {"lab", "client"}} {
		inspected, err := e.cli.ImageInspect(ctx, image)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(inspected.RootFS.Layers), 2, "the layers of %s", image)

		id := suite.newID()
		e.leaveNothing(t, labLabel, id)
		made, err := e.cli.ContainerCreate(ctx, client.ContainerCreateOptions{
			Config:     &container.Config{Image: image, Labels: map[string]string{sessionLabel: suite.id, labLabel: id}},
			HostConfig: &container.HostConfig{NetworkMode: "none"},
		})
		require.NoError(t, err)
		exported, err := e.cli.ContainerExport(ctx, made.ID, client.ContainerExportOptions{})
		require.NoError(t, err)
		files := readFiles(t, exported)
		require.NoError(t, exported.Close())
		assert.ElementsMatch(t, programs, slices.Collect(maps.Keys(files)), "the files of %s", image)
		size := 0
		for name, text := range files {
			size += len(text)
			program, err := elf.NewFile(bytes.NewReader(text))
			require.NoError(t, err, name)
			for _, p := range program.Progs {
				assert.NotEqual(t, elf.PT_INTERP, p.Type, "%s in %s is linked dynamically", name, image)
			}
		}
		// Not the size that the engine tells: newer ones count what they keep
		// compressed as well.
		assert.Less(t, size, 20_000_000, "the bytes in %s", image)
		t.Logf("%s: %.1f MB in %d files, %.1f MB in the engine", image, float64(size)/1e6, len(files), float64(inspected.Size)/1e6)
	}
}

// readFiles reads a container's files, without the empty ones that Docker adds
// to mount its own over.
func readFiles(t *testing.T, archive io.Reader) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return files
		}
		require.NoError(t, err)
		if header.Typeflag != tar.TypeReg || header.Size == 0 {
			continue
		}
		files[path.Clean(header.Name)], err = io.ReadAll(reader)
		require.NoError(t, err)
	}
}

// The run belongs to whoever owns the folder it is mounted from.
func TestRunBelongsToTheFoldersOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		missing(t, "only root can make a folder for another user")
	}
	l := start(t, change{owner: 12345})
	l.assertVerdict(t, l.wait(t), statusHolds, "holds")
	assertOwner(t, l.file(""), 12345)
}

// assertOwner asserts that a folder and all in it belong to the user.
func assertOwner(t *testing.T, folder string, uid int) {
	t.Helper()
	count := 0
	require.NoError(t, filepath.WalkDir(folder, func(name string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		count++
		assert.Equal(t, uid, ownerOf(info), name)
		return nil
	}))
	assert.Equal(t, len(runFiles())+1, count)
}
