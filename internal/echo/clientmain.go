package echo

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"
)

const aboutClient = `Usage: client HOST:PORT [flags]

Connects to the server and sends it the lines you type, until you type exit or
the input ends. With --message or --hold it asks nothing and sends what the
flags say.

Exit status: 0 if every reply was the right one; 1 if not, or if the server
could not be reached or ended the connection; 2 for wrong arguments. SIGINT
and SIGTERM end a hold at once, and then the status is as if it had run out.
`

// clientCommand is the arguments of the client.
type clientCommand struct {
	address string
	source  string
	json    bool
	client  Client
	script  Script
}

func (c *clientCommand) flags() *pflag.FlagSet {
	f := newFlags("client")
	f.StringArrayVar(&c.script.Messages, "message", nil, "send `TEXT` (may be given again)")
	f.IntVar(&c.script.Count, "count", 1, "send all the messages `N` times")
	f.DurationVar(&c.script.Interval, "interval", 0, "wait this long between a reply and the next message")
	f.DurationVar(&c.script.Hold, "hold", 0, "keep the connection open this long after the last reply")
	f.StringVar(&c.source, "source", "", "call from `ADDRESS:PORT`; without one of them, from any")
	f.DurationVar(&c.client.Retry, "retry", DefaultRetry, "go on trying this long while the server is not up yet\n(0: try once)")
	f.DurationVar(&c.client.Timeout, "timeout", DefaultTimeout, "wait this long for the greeting and for each reply (0: for ever)")
	f.BoolVar(&c.json, "json", false, "print events as JSON, one a line")
	return f
}

func (c *clientCommand) check(f *pflag.FlagSet) (err error) {
	if f.NArg() != 1 {
		return errors.New("give the server's address as HOST:PORT, and nothing else beside flags")
	}
	c.address = f.Arg(0)
	if err := checkAddress(c.address, false); err != nil {
		return err
	}
	if c.source != "" {
		if c.client.Source, err = parseSource(c.source); err != nil {
			return err
		}
	}
	if err := notNegative(f, "interval", "hold", "retry", "timeout"); err != nil {
		return err
	}
	return c.checkScript(f)
}

func (c *clientCommand) checkScript(f *pflag.FlagSet) error {
	for _, name := range []string{"count", "interval"} {
		if f.Changed(name) && len(c.script.Messages) == 0 {
			return fmt.Errorf("--%s needs a --message", name)
		}
	}
	if c.script.Count < 1 {
		return fmt.Errorf("--count must be at least 1: %d", c.script.Count)
	}
	for _, message := range c.script.Messages {
		if message == "" {
			return errors.New("--message needs at least one byte: nothing cannot be sent over TCP")
		}
	}
	return nil
}

// ClientMain is the client command. The arguments are without the command's name; the input is read only where
// there is neither --message nor --hold. It returns the exit status: 0 if every reply was the right one and for
// --help, 1 if not or the server cannot be reached, 2 if the arguments are wrong.
func ClientMain(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c clientCommand
	flags := c.flags()
	check := func() error { return c.check(flags) }
	if status, done := parse(flags, args, aboutClient, check, stdout, stderr); done {
		return status
	}
	scripted := flags.Changed("message") || flags.Changed("hold")
	if err := c.run(ctx, scripted, stdin, stdout); err != nil {
		complain(stderr, "client", err)
		return statusFailed
	}
	return statusDone
}

func (c *clientCommand) run(ctx context.Context, scripted bool, stdin io.Reader, stdout io.Writer) error {
	journal, prompts := NewClientText(stdout), stdout
	if c.json {
		journal, prompts = NewJSONLines(stdout), io.Discard
	}
	c.client.Record = journal.Record
	talk := func() error { return c.client.Interact(ctx, c.address, stdin, prompts) }
	if scripted {
		talk = func() error { return c.client.Run(ctx, c.address, c.script) }
	}
	return errors.Join(talk(), journal.Err())
}
