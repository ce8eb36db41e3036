package docker

import (
	"context"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// checkImages tells which of the lab's images the engine lacks.
func checkImages(ctx context.Context, cli *client.Client, lab *topology.Lab) error {
	images := []string{serverImage} // the conductor's
	for _, h := range lab.Hosts {
		if h.Image == "" {
			return fmt.Errorf("host %s: it names no image, which the docker engine needs", h.Name)
		}
		images = append(images, h.Image)
	}
	slices.Sort(images)
	for _, name := range slices.Compact(images) {
		_, err := cli.ImageInspect(ctx, name)
		if cerrdefs.IsNotFound(err) {
			return missing(name)
		}
		if err != nil {
			return fmt.Errorf("look for the image %s: %w", name, err)
		}
	}
	return nil
}

func missing(name string) error {
	how := "build it by `docker compose build`, or pull it"
	if name == serverImage || name == clientImage {
		how = "build it by `lab images` or `docker compose build`"
	}
	return fmt.Errorf("the engine has no image %s: %s", name, how)
}
