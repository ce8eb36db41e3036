// Command lab is what the containers of a lab run: the agent of a host, and the
// programs that fourtuple has for hosts. It is the small one of the two commands
// of that name: it reads no Compose file and judges nothing.
//
//	lab host NAME [PROGRAM ARG...]   be the agent of the host NAME, led over the
//	                                 Unix socket of the lab's judge
//	lab host --stdio NAME            the same, led over the standard streams
//	lab server|client ARG...         be the echo server, or a client of it
//	lab socket                       be a prompt for socket calls
//
// Called as server, client or socket it is that program.
//
// Exit status: that of the program, or 0 once the host is closed, 2 if it was
// not, or the arguments are wrong.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/fourtuple/fourtuple/internal/echo"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/socket"
)

func main() {
	// First of all: as the first process of a container it is not ended by a
	// signal that it does not handle (pid_namespaces(7)).
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := lab(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// statusCannot is the exit status of what could not be done.
const statusCannot = 2

// lab is the command with everything that it touches given to it.
func lab(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	command := filepath.Base(args[0])
	if args = args[1:]; command == "lab" && len(args) > 0 {
		command, args = args[0], args[1:]
	}
	switch command {
	case "server":
		return echo.ServerMain(ctx, args, stdin, stdout, stderr)
	case "client":
		return echo.ClientMain(ctx, args, stdin, stdout, stderr)
	case "socket":
		return socket.Main(ctx, args, stdin, stdout, stderr)
	case "host":
		return hostMain(ctx, args, run.DefaultSocket, stdin, stdout, stderr)
	}
	fmt.Fprintln(stderr, "usage: lab host [--stdio] NAME [PROGRAM ARG...], lab server ARG..., lab client ARG..., lab socket")
	return statusCannot
}
