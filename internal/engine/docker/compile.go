package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is fourtuple's own.
const module = "github.com/fourtuple/fourtuple"

// moduleRoot is the root of fourtuple's source tree around the folder.
func moduleRoot(folder string) (string, error) {
	whole, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	for at := whole; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && moduleOf(text) == module {
			return at, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in fourtuple's source tree, which images are built from: change to it", whole)
		}
	}
}

// moduleOf is the module that a go.mod begins with.
func moduleOf(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(strings.TrimPrefix(line, "module "))
}

// compile builds the programs of the images into a folder, with the
// Dockerfiles' options. No version control is asked: a Dockerfile has none.
func compile(ctx context.Context, root, into, arch string) error {
	compiler, err := exec.LookPath("go")
	if err != nil {
		return errors.New("build images: there is no go command here: install Go (https://go.dev/dl), or run `docker compose build`")
	}
	build := exec.CommandContext(ctx, compiler, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w",
		"-o", into+string(filepath.Separator), "./lab", "./server", "./client")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOWORK=off")
	output, err := build.CombinedOutput()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("build images: go build: %w\n%s", err, bytes.TrimSpace(output))
	}
	return nil
}
