package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/engine/docker"
)

// defaultLab is the lab of `lab run` without arguments, labsFolder where the
// further ones are.
const (
	defaultLab = "docker-compose.yml"
	labsFolder = "labs"
	// controlFile is beside a lab's file, and put over it.
	controlFile = "control.yaml"
)

// load reads a lab: a file, a folder, or the name of a folder in labs/.
func load(name string) (*fourtuple.Lab, error) { return fourtuple.Load(find(name)) }

// loadControl reads a lab with its control.
func loadControl(name string) (*fourtuple.Lab, error) {
	name = find(name)
	folder := name
	if info, err := os.Stat(name); err == nil && !info.IsDir() {
		folder = filepath.Dir(name)
	}
	file := filepath.Join(folder, controlFile)
	if exists(name) && !exists(file) {
		return nil, fmt.Errorf("--control: %s has no control: there is no %s", name, file)
	}
	return fourtuple.Load(name, file)
}

func find(name string) string {
	if named := filepath.Join(labsFolder, name); !exists(name) && exists(named) {
		return named
	}
	return name
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func composeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "compose LAB",
		Short: "Print a lab as a complete Compose file",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			lab, err := load(args[0])
			if err != nil {
				return err
			}
			text, err := compose.Print(&lab.Lab)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
}

func imagesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "images",
		Short: "Build the containers' images with the local Go toolchain, without a registry",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return docker.BuildImages(c.Context(), ".", c.OutOrStdout())
		},
	}
}

func cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove what crashed runs left, and only that",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return docker.Clean(c.Context(), c.OutOrStdout())
		},
	}
}
