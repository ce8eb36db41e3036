package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An image is a command as /lab, and what the image runs. It has the agent and
// our programs in run.AgentFolder.
type image struct {
	name, command string
	changes       []string
}

const (
	agentCommand = "github.com/fourtuple/fourtuple/internal/agent/lab"
	labCommand   = "github.com/fourtuple/fourtuple/lab"
)

// images are what the Dockerfiles make, too.
var images = []image{
	{"fourtuple/server", agentCommand, []string{"ENV PATH=" + run.AgentFolder, `CMD ["server"]`}},
	{"fourtuple/client", agentCommand, []string{"ENV PATH=" + run.AgentFolder, `CMD ["client"]`}},
	{"fourtuple/judge", labCommand, []string{"ENV PATH=/", `ENTRYPOINT ["lab"]`}},
}

// BuildImages builds the images fourtuple/server, fourtuple/client and
// fourtuple/judge as the Dockerfiles make them, with the Go toolchain of this
// machine and without a registry, and gives them to the engine. The folder is
// in fourtuple's source tree. It prints a line for each image.
func BuildImages(ctx context.Context, folder string, out io.Writer) (err error) {
	cli, err := dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cli.Close()) }()
	engine, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return fmt.Errorf("ask the engine for its architecture: %s", oneLine(err))
	}
	scratch, err := os.MkdirTemp("", "fourtuple-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	programs := make(map[string][]byte)
	for _, command := range []string{agentCommand, labCommand} {
		if programs[command], err = compile(ctx, folder, command, filepath.Join(scratch, "lab"), engine.Arch); err != nil {
			return fmt.Errorf("build images: %w", err)
		}
	}
	for _, i := range images {
		size, err := i.load(ctx, cli, programs)
		if err != nil {
			return fmt.Errorf("build the image %s: %s", i.name, oneLine(err))
		}
		fmt.Fprintf(out, "%s  %s  linux/%s\n", i.name, units.HumanSize(float64(size)), engine.Arch)
	}
	return nil
}

// compile builds a command with the Dockerfiles' options. No version control is
// asked: a Dockerfile has none.
func compile(ctx context.Context, folder, command, into, arch string) ([]byte, error) {
	compiler, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("there is no go command here: install Go (https://go.dev/dl), or run `docker compose build`")
	}
	build := exec.CommandContext(ctx, compiler, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", into, command)
	build.Dir = folder
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOWORK=off")
	output, err := build.CombinedOutput()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("go build in %s, which must be in fourtuple's source tree: %w\n%s", folder, err, bytes.TrimSpace(output))
	}
	return os.ReadFile(into)
}

// load gives the image to the engine as a file system of one layer, and returns
// its size. An import needs no builder, leaves no images of single steps, and
// every engine has it.
func (i image) load(ctx context.Context, cli *client.Client, programs map[string][]byte) (size int, err error) {
	older, err := cli.ImageInspect(ctx, i.name)
	if err != nil && !cerrdefs.IsNotFound(err) {
		return 0, err
	}
	files, err := i.files(programs)
	if err != nil {
		return 0, err
	}
	size = files.Len()
	answer, err := cli.ImageImport(ctx, client.ImageImportSource{Source: files, SourceName: "-"}, i.name, client.ImageImportOptions{
		Tag:     "latest",
		Changes: i.changes,
	})
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(answer)
	if bytes.Contains(text, []byte(`"error"`)) {
		err = errors.New(string(text))
	}
	return size, errors.Join(err, answer.Close(), removeUntagged(ctx, cli, older.ID))
}

// files is the archive of the image.
func (i image) files(programs map[string][]byte) (*bytes.Buffer, error) {
	var files bytes.Buffer
	var errs []error
	w := tar.NewWriter(&files)
	file := func(name string, program []byte) {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(program))})
		_, writeErr := w.Write(program)
		errs = append(errs, err, writeErr)
	}
	link := func(name, to string) {
		errs = append(errs, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777}))
	}
	folder := strings.TrimPrefix(run.AgentFolder, "/")
	errs = append(errs, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755}))
	file(folder+"/lab", programs[agentCommand])
	for _, name := range run.Programs {
		link(folder+"/"+name, "lab")
	}
	if i.command == agentCommand {
		link("lab", folder+"/lab")
	} else {
		file("lab", programs[i.command])
	}
	return &files, errors.Join(append(errs, w.Close())...)
}

// removeUntagged removes an image that has lost its name to another, unless it
// is in use.
func removeUntagged(ctx context.Context, cli *client.Client, id string) error {
	image, err := cli.ImageInspect(ctx, id)
	if err != nil || len(image.RepoTags) > 0 {
		return nil // gone, or still somebody's
	}
	_, err = cli.ImageRemove(ctx, id, client.ImageRemoveOptions{})
	if cerrdefs.IsConflict(err) || cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// checkImages tells which of the lab's images the engine lacks, and which hosts
// do not say what they run.
func checkImages(ctx context.Context, cli *client.Client, lab *topology.Lab) error {
	var names []string
	for _, h := range lab.Hosts {
		if h.Image == "" {
			return fmt.Errorf("host %s names no image, which the docker engine needs: set image, for instance to fourtuple/client, or run with --engine netns", h.Name)
		}
		names = append(names, h.Image)
		if !run.IsOurs(h.Image) {
			names = append(names, run.Images[0])
		}
	}
	slices.Sort(names)
	own := make(map[string][]string) // by image: what it runs by itself
	for _, name := range slices.Compact(names) {
		inspected, err := cli.ImageInspect(ctx, name)
		switch {
		case err == nil && inspected.Config != nil:
			own[name] = slices.Concat(inspected.Config.Entrypoint, inspected.Config.Cmd)
		case err == nil:
		case !cerrdefs.IsNotFound(err):
			return fmt.Errorf("look for the image %s: %s", name, oneLine(err))
		case run.IsOurs(name):
			return fmt.Errorf("the engine has no image %s: build it by `go run ./lab images` or `docker compose build`", name)
		default:
			return fmt.Errorf("the engine has no image %s: build it by `docker compose build`, or pull it by `docker pull %s`", name, name)
		}
	}
	for _, h := range lab.Hosts {
		if len(h.Program)+len(h.Programs) == 0 && !h.Forwards && !run.IsOurs(h.Image) && len(own[h.Image]) > 0 {
			return fmt.Errorf("host %s runs no program, as it has no command and that of an image does not count: write command: %q, as the image %s has it", h.Name, own[h.Image], h.Image)
		}
	}
	return nil
}

// readAgent reads run.AgentFolder from our image, by way of a container that is
// never started and goes with the run.
func (n *network) readAgent() ([]byte, error) {
	ctx, cancel := uncut(context.Background())
	defer cancel()
	made, err := n.cli.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: run.Images[0], Labels: n.labels(nil)},
		HostConfig: &container.HostConfig{NetworkMode: apinetwork.NetworkNone},
	})
	if err != nil {
		return nil, err
	}
	copied, err := n.cli.CopyFromContainer(ctx, made.ID, client.CopyFromContainerOptions{SourcePath: run.AgentFolder})
	if err != nil {
		return nil, err
	}
	archive, err := io.ReadAll(copied.Content)
	return archive, errors.Join(err, copied.Content.Close())
}

// provideAgent copies the agent into a container that has none.
func (n *network) provideAgent(ctx context.Context, h topology.Host) error {
	archive, err := n.agent()
	if err != nil {
		return err
	}
	_, err = n.cli.CopyToContainer(ctx, n.object(h.Name), client.CopyToContainerOptions{
		DestinationPath: "/", Content: bytes.NewReader(archive),
	})
	return err
}
