package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/echo"
)

func serverCommand() *cobra.Command {
	return program("server", "Be the echo server, as ./server is", echo.ServerMain)
}

// program makes a subcommand of a program that reads its own flags.
func program(name, short string, main func(context.Context, []string, io.Reader, io.Writer, io.Writer) int) *cobra.Command {
	return &cobra.Command{
		Use:                name + " [FLAG ...]",
		Short:              short,
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			if s := main(c.Context(), args, c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()); s != 0 {
				return status(s)
			}
			return nil
		},
	}
}
