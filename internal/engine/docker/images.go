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

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/go-units"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An image is a command as /lab, other names of it, and what the image runs.
type image struct {
	name, command string
	links         []string
	runs          string
}

const (
	agentCommand = "github.com/fourtuple/fourtuple/internal/agent/lab"
	labCommand   = "github.com/fourtuple/fourtuple/lab"
)

// images are what the Dockerfiles make, too.
var images = []image{
	{"fourtuple/server", agentCommand, run.Programs, `CMD ["server"]`},
	{"fourtuple/client", agentCommand, run.Programs, `CMD ["client"]`},
	{"fourtuple/judge", labCommand, nil, `ENTRYPOINT ["lab"]`},
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
	for _, i := range images {
		if programs[i.command] == nil {
			if programs[i.command], err = compile(ctx, folder, i.command, filepath.Join(scratch, "lab"), engine.Arch); err != nil {
				return fmt.Errorf("build images: %w", err)
			}
		}
		if err := i.load(ctx, cli, programs[i.command]); err != nil {
			return fmt.Errorf("build the image %s: %s", i.name, oneLine(err))
		}
		fmt.Fprintf(out, "%s  %s  linux/%s\n", i.name, units.HumanSize(float64(len(programs[i.command]))), engine.Arch)
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

// load gives the image to the engine as a file system of one layer. An import needs no builder, leaves no images of single steps, and
// every engine has it.
func (i image) load(ctx context.Context, cli *client.Client, program []byte) error {
	older, err := cli.ImageInspect(ctx, i.name)
	if err != nil && !cerrdefs.IsNotFound(err) {
		return err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	errs := []error{w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "lab", Mode: 0o755, Size: int64(len(program))})}
	_, err = w.Write(program)
	errs = append(errs, err)
	for _, link := range i.links {
		errs = append(errs, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: link, Linkname: "lab", Mode: 0o777}))
	}
	if err := errors.Join(append(errs, w.Close())...); err != nil {
		return err
	}
	answer, err := cli.ImageImport(ctx, client.ImageImportSource{Source: &files, SourceName: "-"}, i.name, client.ImageImportOptions{
		Tag:     "latest",
		Changes: []string{"ENV PATH=/", i.runs},
	})
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer)
	if bytes.Contains(text, []byte(`"error"`)) {
		err = errors.New(string(text))
	}
	return errors.Join(err, answer.Close(), removeUntagged(ctx, cli, older.ID))
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

// checkImages tells which of the lab's images the engine lacks.
func checkImages(ctx context.Context, cli *client.Client, lab *topology.Lab) error {
	var names []string
	for _, h := range lab.Hosts {
		if h.Image == "" {
			return fmt.Errorf("host %s names no image, which the docker engine needs: set image, for instance to fourtuple/client, or run with --engine netns", h.Name)
		}
		names = append(names, h.Image)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		_, err := cli.ImageInspect(ctx, name)
		switch {
		case err == nil:
		case !cerrdefs.IsNotFound(err):
			return fmt.Errorf("look for the image %s: %s", name, oneLine(err))
		case slices.ContainsFunc(images, func(i image) bool { return i.name == name }):
			return fmt.Errorf("the engine has no image %s: build it by `go run ./lab images` or `docker compose build`", name)
		default:
			return fmt.Errorf("the engine has no image %s: build it by `docker compose build`, or pull it", name)
		}
	}
	return nil
}
