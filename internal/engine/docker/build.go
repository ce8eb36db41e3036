package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/docker/go-units"
	"github.com/moby/moby/client"
)

// BuildImages builds the images fourtuple/server and fourtuple/client as the
// Dockerfiles make them, with the Go toolchain of this machine and without a
// registry, and gives them to the engine. The folder is fourtuple's source
// tree, or one in it. It prints a line for each image.
//
// The same sources and toolchain make the same image, to its id.
func BuildImages(ctx context.Context, folder string, out io.Writer) (err error) {
	root, err := moduleRoot(folder)
	if err != nil {
		return err
	}
	cli, err := dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cli.Close()) }()
	engine, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return fmt.Errorf("ask the engine for its architecture: %w", err)
	}
	programs, err := os.MkdirTemp("", "fourtuple-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(programs)) }()
	if err := compile(ctx, root, programs, engine.Arch); err != nil {
		return err
	}
	for _, i := range []image{{serverImage, "server"}, {clientImage, "client"}} {
		size, err := i.load(ctx, cli, programs, engine.Arch)
		if err != nil {
			return fmt.Errorf("load the image %s: %w", i.name, err)
		}
		fmt.Fprintf(out, "%s  %s  linux/%s\n", i.name, units.HumanSize(float64(size)), engine.Arch)
	}
	return prune(ctx, cli)
}

// prune removes the images that were built here, have lost their names to newer
// ones, and are not in use.
func prune(ctx context.Context, cli *client.Client) error {
	old := make(client.Filters).Add("dangling", "true").Add("label", labelKind+"="+kindImage)
	if _, err := cli.ImagePrune(ctx, client.ImagePruneOptions{Filters: old}); err != nil {
		return fmt.Errorf("remove older images: %w", err)
	}
	return nil
}

// An image is one of the two: lab and another program.
type image struct{ name, program string }

// load gives the image to the engine and returns the size of its layer in
// bytes.
func (i image) load(ctx context.Context, cli *client.Client, programs, arch string) (size int, err error) {
	layer, err := packLayer(programs, "lab", i.program)
	if err != nil {
		return 0, err
	}
	archive, err := packImage(i.name+":latest", arch, layer)
	if err != nil {
		return 0, err
	}
	answer, err := cli.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return 0, err
	}
	if err := errors.Join(loaded(answer), answer.Close()); err != nil {
		return 0, err
	}
	return len(layer), nil
}

// loaded reads the engine's answer to the end, where an error may stand.
func loaded(answer io.Reader) error {
	messages := json.NewDecoder(answer)
	for {
		var message struct{ Error string }
		err := messages.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}
