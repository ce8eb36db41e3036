// Command lab runs experiments that show how TCP tells sockets apart: it makes
// a lab's hosts real, watches them, and judges what the lab claims.
//
//	lab run [LAB]            run a lab and print its verdict
//	lab list                 list the labs there are
//	lab judge RUN            judge a kept run again
//	lab show VIEW RUN        show a kept run as connections, sockets, files or packets
//	lab report RUN           write a kept run's page, RUN/report.html
//	lab images               build the containers' images without a registry
//	lab clean                remove what crashed runs left
//	lab server|client|host|conduct   the programs, for engines to start
//
// Exit status of run, judge and conduct: 0 the lab's claims hold, 1 a claim is
// refuted, 2 the lab could not run, 3 a claim is not shown.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	_ "github.com/fourtuple/fourtuple/internal/early" // lab server and lab client start before all else
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// The exit statuses.
const (
	statusHolds    = 0
	statusRefuted  = 1
	statusCannot   = 2
	statusNotShown = 3
)

// A status is an error that is only an exit status: all that is to be said has
// been said.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// execute is the command with everything that it touches given to it.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var s status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &s):
		return int(s)
	default:
		fmt.Fprintf(stderr, "lab: %v\n", err)
		return statusCannot
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
		runCommand(), listCommand(), judgeCommand(), showCommand(), reportCommand(),
		imagesCommand(), cleanCommand(),
		serverCommand(), clientCommand(), hostCommand(), conductCommand(),
	)
	return root
}
