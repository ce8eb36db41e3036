package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/engine/docker"
)

func cleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove what crashed runs left, and only that",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return errors.Join(docker.Clean(c.Context(), c.OutOrStdout()))
		},
	}
}
