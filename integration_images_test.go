//go:build integration

package fourtuple

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/fourtuple/fourtuple/internal/engine/docker"
)

// makeImages builds the images the way that this engine can.
func (e *engine) makeImages(ctx context.Context, id string) error {
	base, err := baseImage()
	if err != nil {
		return err
	}
	unavailable := e.obtain(ctx, base)
	e.buildable = unavailable == nil
	if given := os.Getenv(imagesVariable); given != "" {
		e.server, e.client = imageName("server", given), imageName("client", given)
		return nil
	}
	e.server, e.client = imageName("server", id), imageName("client", id)
	e.tags = []string{e.server, e.client}
	begin := time.Now()
	if e.buildable {
		err = errors.Join(e.build(ctx, "server", id), e.build(ctx, "client", id))
		e.say("images: built from the Dockerfiles in %v, as %s can be had", time.Since(begin).Round(time.Second), base)
		return err
	}
	err = e.loadImages(ctx)
	e.say("images: built by the local Go toolchain in %v, as by `lab images`; %s cannot be had: %v", time.Since(begin).Round(time.Second), base, unavailable)
	return err
}

// baseImage is what the Dockerfiles build from.
func baseImage() (string, error) {
	file, err := os.ReadFile("Dockerfile.server")
	if err != nil {
		return "", err
	}
	from := regexp.MustCompile(`(?m)^FROM (\S+)`).FindSubmatch(file)
	if from == nil {
		return "", errors.New("Dockerfile.server has no FROM")
	}
	return string(from[1]), nil
}

func imageName(program, tag string) string { return "fourtuple-test/" + program + ":" + tag }

// build builds a Dockerfile by testcontainers.
func (e *engine) build(ctx context.Context, program, tag string) error {
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer provider.Close()
	var log bytes.Buffer
	_, err = provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context: ".", Dockerfile: "Dockerfile." + program,
		Repo: "fourtuple-test/" + program, Tag: tag,
		KeepImage: true, BuildLogWriter: &log,
	}})
	if err != nil {
		return fmt.Errorf("build Dockerfile.%s: %w\n%s", program, err, log.String())
	}
	return nil
}

// loadImages builds what the Dockerfiles build, without them.
func (e *engine) loadImages(ctx context.Context) error {
	var log bytes.Buffer
	if err := docker.BuildImages(ctx, ".", &log); err != nil {
		return fmt.Errorf("build images: %w\n%s", err, log.String())
	}
	_, serverErr := e.cli.ImageTag(ctx, client.ImageTagOptions{Source: "fourtuple/server", Target: e.server})
	_, clientErr := e.cli.ImageTag(ctx, client.ImageTagOptions{Source: "fourtuple/client", Target: e.client})
	return errors.Join(serverErr, clientErr)
}

// untag removes the tests' own names of the images. What the engine keeps for
// the next build stays.
func (e *engine) untag(ctx context.Context) error {
	var errs []error
	for _, tag := range e.tags {
		if _, err := e.cli.ImageRemove(ctx, tag, client.ImageRemoveOptions{}); !cerrdefs.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
