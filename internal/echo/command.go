package echo

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Exit statuses of both commands.
const (
	statusDone   = 0 // all went as it should
	statusFailed = 1 // the other side, the network or an output failed
	statusUsage  = 2 // it could not begin: wrong flags, or an address that cannot be had
)

// newFlags makes the flags of a command. Its errors are returned and not printed.
func newFlags(command string) *pflag.FlagSet {
	flags := pflag.NewFlagSet(command, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// parse reads a command's arguments. Where that already settles its status, done is true: help was asked for
// and is on stdout, or the arguments are wrong and a sentence is on stderr.
func parse(flags *pflag.FlagSet, args []string, about string, check func() error, stdout, stderr io.Writer) (status int, done bool) {
	err := flags.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintf(stdout, "%s\nFlags:\n%s", about, flags.FlagUsages())
		return statusDone, true
	}
	if err == nil {
		err = check()
	}
	if err != nil {
		complain(stderr, flags.Name(), err)
		return statusUsage, true
	}
	return statusDone, false
}

// complain writes an error as one line, also where it is several joined.
func complain(stderr io.Writer, command string, err error) {
	fmt.Fprintf(stderr, "%s: %s\n", command, strings.ReplaceAll(err.Error(), "\n", "; "))
}

// notNegative checks flags that hold durations.
func notNegative(flags *pflag.FlagSet, names ...string) error {
	for _, name := range names {
		if length, err := flags.GetDuration(name); err != nil || length < 0 {
			return fmt.Errorf("--%s must not be negative: %v", name, length)
		}
	}
	return nil
}
