//go:build unix

package docker

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sources is a source tree that is quickly built.
func sources(t *testing.T, module string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module " + module + "\n\ngo 1.26\n",
		"lab/main.go":    "package main\n\nfunc main() {}\n",
		"server/main.go": "package main\n\nfunc main() {}\n",
		"client/main.go": "package main\n\nfunc main() {}\n",
	} {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	return root
}

// unpack is what is in a tar.
func unpack(t *testing.T, archive io.Reader) (names []string, files map[string][]byte, headers map[string]*tar.Header) {
	t.Helper()
	files, headers = make(map[string][]byte), make(map[string]*tar.Header)
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, files, headers
		}
		require.NoError(t, err)
		names, headers[h.Name] = append(names, h.Name), h
		files[h.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
}

func TestBuildImages(t *testing.T) {
	f := newFake(t, oldest)
	root := sources(t, module)
	var out lines
	require.NoError(t, BuildImages(within(t), filepath.Join(root, "lab"), &out))
	assert.Regexp(t, `^fourtuple/server  \d\.\d+MB  linux/arm64\nfourtuple/client  \d\.\d+MB  linux/arm64\n$`, out.String())
	require.Len(t, f.loaded, 2)

	names, files, _ := unpack(t, bytes.NewReader(f.loaded[1]))
	require.Len(t, names, 3)
	var manifest []manifestEntry
	require.NoError(t, json.Unmarshal(files["manifest.json"], &manifest))
	require.Len(t, manifest, 1)
	assert.Equal(t, []string{"fourtuple/client:latest"}, manifest[0].RepoTags)
	require.Len(t, manifest[0].Layers, 1)
	layer, err := gzip.NewReader(bytes.NewReader(files[manifest[0].Layers[0]]))
	require.NoError(t, err)
	whole, err := io.ReadAll(layer)
	require.NoError(t, err)

	hash := fmt.Sprintf("sha256:%x", sha256.Sum256(whole))
	assert.JSONEq(t, `{"architecture":"arm64","os":"linux","created":"1970-01-01T00:00:00Z",
		"config":{"Env":["PATH=/"],"Entrypoint":["/lab","host","--"],"Labels":{"org.fourtuple":"image"}},
		"rootfs":{"type":"layers","diff_ids":["`+hash+`"]}}`, string(files[manifest[0].Config]))

	names, programs, headers := unpack(t, bytes.NewReader(whole))
	assert.Equal(t, []string{"lab", "client"}, names)
	for name, h := range headers {
		assert.Equal(t, int64(0o755), h.Mode, name)
		assert.Zero(t, h.Uid+h.Gid, name)
		assert.True(t, h.ModTime.Equal(made), name)
		program, err := elf.NewFile(bytes.NewReader(programs[name]))
		require.NoError(t, err, name)
		assert.Equal(t, elf.EM_AARCH64, program.Machine, name)
		assert.Nil(t, program.Section(".symtab"), name)
	}
	assert.Equal(t, []string{`{"dangling":{"true":true},"label":{"org.fourtuple=image":true}}`}, f.pruned)

	require.NoError(t, BuildImages(within(t), root, io.Discard))
	assert.Equal(t, f.loaded[:2], f.loaded[2:], "the same sources make the same images")
	require.NoError(t, os.WriteFile(filepath.Join(root, "client", "main.go"), []byte("package main\n\nfunc main() { println() }\n"), 0o600))
	require.NoError(t, BuildImages(within(t), root, io.Discard))
	assert.Equal(t, f.loaded[0], f.loaded[4], "and others make others")
	assert.NotEqual(t, f.loaded[1], f.loaded[5])
}

func TestAnImageThatDoesNotLoad(t *testing.T) {
	f := newFake(t, oldest)
	f.unloadable = "no space left on device"
	err := BuildImages(within(t), sources(t, module), io.Discard)
	require.EqualError(t, err, "load the image fourtuple/server: no space left on device")
}

func TestImagesAreBuiltFromTheSourceTree(t *testing.T) {
	newFake(t, oldest)
	for name, folder := range map[string]string{"no module": t.TempDir(), "another module": sources(t, "example.org/other")} {
		err := BuildImages(within(t), folder, io.Discard)
		require.ErrorContains(t, err, "is not in fourtuple's source tree, which images are built from: change to it", name)
	}
}

func TestImagesNeedGo(t *testing.T) {
	newFake(t, oldest)
	root := sources(t, module)
	t.Setenv("PATH", t.TempDir())
	require.ErrorContains(t, BuildImages(within(t), root, io.Discard), "there is no go command here: install Go")
}

func TestSourcesThatDoNotCompile(t *testing.T) {
	f := newFake(t, oldest)
	root := sources(t, module)
	require.NoError(t, os.WriteFile(filepath.Join(root, "server", "main.go"), []byte("package main\n"), 0o600))
	err := BuildImages(within(t), root, io.Discard)
	require.ErrorContains(t, err, "build images: go build: exit status 1\n")
	require.ErrorContains(t, err, "function main is undeclared")
	assert.Empty(t, f.loaded)
}

func TestABuildThatIsEnded(t *testing.T) {
	newFake(t, oldest)
	root := sources(t, module)
	ctx, cancel := context.WithCancelCause(within(t))
	cancel(errors.New("enough"))
	require.ErrorContains(t, compile(ctx, root, t.TempDir(), "amd64"), "enough")
}

func TestModuleOf(t *testing.T) {
	for text, want := range map[string]string{
		"module example.org/a\n\ngo 1.26\n": "example.org/a",
		"module example.org/a\r\n":          "example.org/a",
		"module example.org/a":              "example.org/a",
		"":                                  "",
	} {
		assert.Equal(t, want, moduleOf([]byte(text)), strings.TrimSpace(text))
	}
}
