package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

const aboutServer = `Usage: server [flags]

Greets whoever connects and sends back what they say, each chunk with
"Server Says: " before it.

On SIGINT or SIGTERM it stops accepting, lets open connections go on for the
grace period, closes those that are left then, and exits with status 0. A
connection counts as open until its peer closes it, silent or not. Exit
status 2: wrong flags, or the address cannot be had.
`

// serverCommand is the flags of the server.
type serverCommand struct {
	address string
	json    bool
	server  Server
}

func (c *serverCommand) flags() *pflag.FlagSet {
	f := newFlags("server")
	f.StringVar(&c.address, "address", DefaultAddress, "listen on `HOST:PORT`; IPv4 unless HOST is an IPv6 address")
	f.IntVar(&c.server.MaxConnections, "max-connections", 0, "accept no more while `N` connections are open;\nothers connect but wait for their greeting (0: no limit)")
	f.DurationVar(&c.server.IdleTimeout, "idle-timeout", 0, "close a connection that is silent for this long (0: never)")
	f.DurationVar(&c.server.WriteTimeout, "write-timeout", DefaultWriteTimeout, "close a connection whose peer does not read for this long")
	f.DurationVar(&c.server.Grace, "grace", DefaultGrace, "on SIGTERM, let open connections go on for this long")
	f.BoolVar(&c.json, "json", false, "print events as JSON, one a line")
	return f
}

func (c *serverCommand) check(f *pflag.FlagSet) error {
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if c.server.MaxConnections < 0 {
		return fmt.Errorf("--max-connections must not be negative: %d", c.server.MaxConnections)
	}
	if c.server.WriteTimeout == 0 {
		return errors.New("--write-timeout must be more than zero")
	}
	if err := notNegative(f, "idle-timeout", "write-timeout", "grace"); err != nil {
		return err
	}
	return checkAddress(c.address, true)
}

// ServerMain is the server command: it serves until the context is done. The arguments are without the
// command's name, and the input is not read. It returns the exit status: 0 after an orderly end and for
// --help, 1 if accepting or an output failed, 2 if the arguments are wrong or the address cannot be had.
func ServerMain(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var c serverCommand
	flags := c.flags()
	check := func() error { return c.check(flags) }
	if status, done := parse(flags, args, aboutServer, check, stdout, stderr); done {
		return status
	}
	return c.run(ctx, stdout, stderr)
}

func (c *serverCommand) run(ctx context.Context, stdout, stderr io.Writer) int {
	journal := NewServerText(stdout)
	if c.json {
		journal = NewJSONLines(stdout)
	}
	c.server.Record = journal.Record
	c.server.Log = slog.New(slog.NewTextHandler(stderr, nil))

	err := c.server.ListenAndServe(ctx, c.address)
	if err = errors.Join(err, journal.Err()); err == nil {
		return statusDone
	}
	complain(stderr, "server", err)
	var listen *ListenError
	if errors.As(err, &listen) {
		return statusUsage
	}
	return statusFailed
}
