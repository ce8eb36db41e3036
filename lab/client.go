package main

import (
	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple/internal/echo"
)

func clientCommand() *cobra.Command {
	return program("client", "Be the echo client, as ./client is", echo.ClientMain)
}
