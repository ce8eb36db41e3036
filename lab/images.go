package main

import (
	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/engine/docker"
)

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
