// Command bench measures what a lab costs, beside a peer that does the same on
// the same machine in the same run, and prints a table.
//
//	go run ./bench [-runs N] [-quick]
//
// It takes root, Mininet (Debian's package mininet) for the peer's rows, and
// Docker with Compose and the images of `go run ./lab images` for the rows about
// containers; what is not there is left out. README.md says what the figures mean.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the command with everything that it touches given to it. It returns
// 0, or 2 if something could not be measured.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	runs := flags.Int("runs", 5, "measure each figure this often and print the `median`")
	quick := flags.Bool("quick", false, "leave out what takes more than a minute")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	p, err := newProof(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	defer p.close()
	status := 0
	var done []result
	for _, row := range rows(p, *quick) {
		fmt.Fprintf(stderr, "%s ...\n", row.name)
		r := row.measure(ctx, *runs)
		if r.err != nil {
			fmt.Fprintf(stderr, "bench: %s: %v\n", row.name, r.err)
			status = 2
		}
		done = append(done, r)
	}
	if err := write(stdout, done); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	return status
}
