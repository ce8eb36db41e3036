// Package early is the command `lab server` and `lab client`, run before the
// rest of the command is there. A lab starts as many of these programs as it
// has hosts, and what the rest imports takes ten to twenty milliseconds to
// initialise, most of it the JSON schema of Compose files, which no echo
// program reads. Go initialises packages in the order of their import paths as
// soon as what they import is initialised, so a package that imports little
// comes before most; a test sees to it that this one does.
//
// Importing it is all that there is to do: its init never returns in a process
// whose first argument is server or client.
package early

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/fourtuple/fourtuple/internal/echo"
)

func init() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case "server":
		os.Exit(run(echo.ServerMain))
	case "client":
		os.Exit(run(echo.ClientMain))
	}
}

func run(program func(context.Context, []string, io.Reader, io.Writer, io.Writer) int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	return program(ctx, os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
}
