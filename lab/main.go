// Command lab runs experiments that show how TCP tells sockets apart: it makes
// a lab's hosts real, watches them, and judges what the lab claims.
//
//	lab run [LAB]            run a lab and print what was done, seen and shown
//	lab run --all            run all labs of labs/, with a table and a page about them
//	lab new NAME             write a lab to begin with, labs/NAME
//	lab list                 list the labs there are, in learning order
//	lab judge RUN            judge a kept run again
//	lab show VIEW RUN        show a kept run as connections, sockets, files, packets, steps ...
//	lab report RUN           write a kept run's page, RUN/report.html
//	lab compose LAB          print a lab as a complete Compose file
//	lab images               build the containers' images without a registry
//	lab clean                remove what crashed runs left
//	lab server|client|socket the programs, for engines and people to start
//	lab help claims|tables   the language of labs
//
// Called as server, client or socket it is that program.
//
// Exit status of run and judge: 0 the lab came out as it expects, 1 a claim came
// out the other way, 2 the lab could not run, 3 a claim is not shown. That of
// several labs is the first of 1, 2 and 3 that one of them has.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/echo"
	"github.com/fourtuple/fourtuple/internal/report"
	"github.com/fourtuple/fourtuple/internal/socket"
)

func main() {
	if status, ok := fourtuple.Helper(); ok {
		os.Exit(status)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := execute(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// The exit statuses.
const (
	statusExpected  = 0
	statusOtherwise = 1
	statusCannot    = 2
	statusNotShown  = 3
)

// A status is an error that is only an exit status: all that is to be said has
// been said.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// A program is one of those under study: it reads its own flags.
type program func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

// programs are also names by which this command can be called.
var programs = map[string]program{"server": echo.ServerMain, "client": echo.ClientMain, "socket": socket.Main}

// execute is the command with everything that it touches given to it.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if p, ok := programs[filepath.Base(args[0])]; ok {
		return p(ctx, args[1:], stdin, stdout, stderr)
	}
	root := rootCommand()
	root.SetArgs(args[1:])
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var s status
	switch {
	case err == nil:
		return statusExpected
	case errors.As(err, &s):
		return int(s)
	default:
		complain(stderr, err)
		return statusCannot
	}
}

// complain writes an error, line by line, with nothing in it that a terminal
// would obey.
func complain(stderr io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(stderr, "lab: %s\n", report.Printable(strings.TrimSuffix(line, "\n")))
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "lab",
		Short:         "Show, on real hosts and with evidence, how TCP tells sockets apart",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		runCommand(), newCommand(), listCommand(), judgeCommand(), showCommand(), reportCommand(), composeCommand(),
		imagesCommand(), cleanCommand(),
		programCommand("server", "Be the echo server", echo.ServerMain),
		programCommand("client", "Be the echo client", echo.ClientMain),
		programCommand("socket", "Be a prompt for socket calls", socket.Main),
		claimsTopic(), tablesTopic(),
	)
	return root
}

// programCommand makes a subcommand of a program.
func programCommand(name, short string, main program) *cobra.Command {
	return &cobra.Command{
		Use:                name + " [ARG ...]",
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
