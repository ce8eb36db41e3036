// Client is the echo client of the post: it sends a server lines from its input, or messages from its flags, and
// checks the replies. See client --help, and package echo for the protocol.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/fourtuple/fourtuple/internal/echo"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the command, ended by SIGINT or SIGTERM. The second signal ends it the hard way.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return echo.ClientMain(ctx, args, stdin, stdout, stderr)
}
