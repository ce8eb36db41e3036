package docker

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"time"
)

// made is the time of everything in an image, so that equal programs make
// equal images.
var made = time.Unix(0, 0).UTC()

// packLayer packs programs from a folder as a layer: files in /, for everybody
// to run.
func packLayer(folder string, names ...string) ([]byte, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, name := range names {
		program, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		if err := pack(w, name, 0o755, program); err != nil {
			return nil, err
		}
	}
	err := w.Close() // writes the end
	return layer.Bytes(), err
}

// packImage packs an image of one layer, in the format that `docker save`
// writes and every engine loads: a manifest that names the configuration and
// the layers
// (https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format).
func packImage(name, arch string, layer []byte) (io.Reader, error) {
	packed, err := compress(layer)
	if err != nil {
		return nil, err
	}
	hash := digest(layer)
	config, err := json.Marshal(imageConfig{
		Architecture: arch, OS: "linux", Created: made,
		Config: containerConfig{
			Env:        []string{"PATH=/"},
			Entrypoint: []string{"/lab", "host", "--"},
			Labels:     map[string]string{labelKind: kindImage},
		},
		RootFS: rootFS{Type: "layers", DiffIDs: []string{"sha256:" + hash}},
	})
	if err != nil {
		return nil, err
	}
	configFile, layerFile := digest(config)+".json", hash+"/layer.tar"
	manifest, err := json.Marshal([]manifestEntry{{configFile, []string{name}, []string{layerFile}}})
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, file := range []struct {
		name string
		data []byte
	}{{"manifest.json", manifest}, {configFile, config}, {layerFile, packed}} {
		if err := pack(w, file.name, 0o644, file.data); err != nil {
			return nil, err
		}
	}
	return &archive, w.Close()
}

// compress spares engines that keep layers as they came half of the image's
// size.
func compress(data []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}

func pack(w *tar.Writer, name string, mode int64, data []byte) error {
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), ModTime: made})
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

type manifestEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

type imageConfig struct {
	Architecture string          `json:"architecture"`
	OS           string          `json:"os"`
	Created      time.Time       `json:"created"`
	Config       containerConfig `json:"config"`
	RootFS       rootFS          `json:"rootfs"`
}

type containerConfig struct {
	Env        []string
	Entrypoint []string
	Labels     map[string]string
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}
