package echo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Exit statuses of both commands.
const (
	statusDone   = 0
	statusFailed = 1
	statusCannot = 2
)

const aboutServer = `Usage: server [flags]

Greets whoever connects and sends back what they say, each chunk with
"Server Says: " before it.

On SIGINT or SIGTERM it stops accepting, lets open connections go on for the
grace period, closes those that are left then, and exits with status 0. A
connection counts as open until its peer closes it, silent or not. Exit
status 2: wrong flags, or the address cannot be had.
`

// ServerMain is the server command: it serves until the context is done. The
// arguments are without the command's name, and the input is not read. It
// returns the exit status.
func ServerMain(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var s server
	f := newFlags("server")
	f.StringVar(&s.address, "address", ":12000", "listen on `HOST:PORT`; IPv4 unless HOST is an IPv6 address")
	f.IntVar(&s.maxConnections, "max-connections", 0, "accept no more while `N` connections are open;\nothers connect but wait for their greeting (0: no limit)")
	f.DurationVar(&s.idleTimeout, "idle-timeout", 0, "close a connection that is silent for this long (0: never)")
	f.DurationVar(&s.grace, "grace", 5*time.Second, "on SIGTERM, let open connections go on for this long")
	asJSON := f.Bool("json", false, "print events as JSON, one a line")
	err := f.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(stdout, "%s\nFlags:\n%s", aboutServer, f.FlagUsages())
		return statusDone
	case err != nil:
	case f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	case s.maxConnections < 0 || s.idleTimeout < 0 || s.grace < 0:
		err = errors.New("--max-connections, --idle-timeout and --grace must not be negative")
	}
	if err != nil {
		return complain(stderr, "server", err, statusCannot)
	}
	j := journal{out: stdout, render: serverText}
	if *asJSON {
		j.render = jsonLine
	}
	s.record, s.log = j.write, slog.New(slog.NewTextHandler(stderr, nil))
	listener, err := listen(ctx, s.address)
	if err != nil {
		s.record.record(because(evidence.ProgramEvent{Event: evidence.EventFailed}, err))
		return complain(stderr, "server", err, statusCannot)
	}
	s.serve(ctx, listener)
	return complain(stderr, "server", j.failure(), statusFailed)
}

const aboutClient = `Usage: client HOST:PORT [flags]

Connects to the server and sends it the lines you type, until you type exit or
the input ends. With --message or --hold it asks nothing and sends what the
flags say.

Exit status: 0 if every reply was the right one; 1 if not, or if the server
could not be reached or ended the connection; 2 for wrong arguments. SIGINT
and SIGTERM end a hold at once, and then the status is 0.
`

// A script is what a client says without a person.
type script struct {
	messages []string // each is sent after the reply to the one before
	count    int      // how often all of them are sent
	interval time.Duration
	hold     bool          // after the last reply, until the context is done
	holdTime time.Duration // but no longer; 0: as long as that takes
}

// setHold reads the value of --hold, which may be given without one.
func (s *script) setHold(value string) (err error) {
	if s.hold = true; value == "true" {
		s.holdTime = 0
		return nil
	}
	if s.holdTime, err = time.ParseDuration(value); err == nil && s.holdTime <= 0 {
		err = errors.New("must be more than zero")
	}
	return err
}

// joinHold lets the time of --hold be an argument of its own: "--hold 1m" is
// "--hold=1m". The flags library does not do that for a flag without a value,
// and no address is a time.
func joinHold(args []string) []string {
	args = slices.Clone(args)
	if i := slices.Index(args, "--hold"); i >= 0 && i+1 < len(args) {
		if _, err := time.ParseDuration(args[i+1]); err == nil {
			args[i] += "=" + args[i+1]
			args = slices.Delete(args, i+1, i+2)
		}
	}
	return args
}

func (s *script) check(f *pflag.FlagSet) error {
	switch {
	case (f.Changed("count") || f.Changed("interval")) && len(s.messages) == 0:
		return errors.New("--count and --interval need a --message")
	case s.count < 1:
		return fmt.Errorf("--count must be at least 1: %d", s.count)
	case slices.Contains(s.messages, ""):
		return errors.New("--message needs at least one byte: nothing cannot be sent over TCP")
	}
	return nil
}

// ClientMain is the client command. The arguments are without the command's
// name; the input is read only where there is neither --message nor --hold. It
// returns the exit status.
func ClientMain(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c client
	var s script
	f := newFlags("client")
	f.StringArrayVar(&s.messages, "message", nil, "send `TEXT` (may be given again)")
	f.IntVar(&s.count, "count", 1, "send all the messages `N` times")
	f.DurationVar(&s.interval, "interval", 0, "wait this long between a reply and the next message")
	f.BoolFunc("hold", "keep the connection open after the last reply until stopped by\na signal, or, as in --hold 1m, for a time at most", s.setHold)
	source := f.String("source", "", "call from `ADDRESS:PORT`; from any address without one,\nand from any port with 0")
	f.DurationVar(&c.retry, "retry", 10*time.Second, "go on trying this long while the server is not up yet\n(0: try once)")
	f.DurationVar(&c.timeout, "timeout", 10*time.Second, "wait this long for the greeting and for each reply (0: for ever)")
	asJSON := f.Bool("json", false, "print events as JSON, one a line")
	err := f.Parse(joinHold(args))
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(stdout, "%s\nFlags:\n%s", aboutClient, f.FlagUsages())
		return statusDone
	case err != nil:
	case f.NArg() != 1:
		err = errors.New("give the server's address as HOST:PORT, and nothing else beside flags")
	case c.retry < 0 || c.timeout < 0:
		err = errors.New("--retry and --timeout must not be negative")
	default:
		c.address = f.Arg(0)
		err = s.check(f)
		if host, port, wrong := net.SplitHostPort(c.address); wrong != nil || host == "" || port == "" {
			err = fmt.Errorf("%q is no address: want HOST:PORT", c.address)
		}
		if err == nil && *source != "" {
			c.source, err = net.ResolveTCPAddr("tcp", *source)
		}
	}
	if err != nil {
		return complain(stderr, "client", err, statusCannot)
	}
	j, prompts := journal{out: stdout, render: clientText}, stdout
	if *asJSON {
		j.render, prompts = jsonLine, io.Discard
	}
	c.record = j.write
	session, err := c.dial(ctx)
	if err == nil {
		if len(s.messages) > 0 || s.hold {
			err = session.perform(ctx, s)
		} else {
			err = session.converse(ctx, stdin, prompts)
		}
		err = errors.Join(err, session.close())
	}
	return complain(stderr, "client", errors.Join(err, j.failure()), statusFailed)
}

// newFlags makes the flags of a command. Its errors are returned and not
// printed.
func newFlags(command string) *pflag.FlagSet {
	flags := pflag.NewFlagSet(command, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// complain writes an error as one line, also where it is several joined, and
// returns the status that it has; without an error, statusDone.
func complain(stderr io.Writer, command string, err error, status int) int {
	if err == nil {
		return statusDone
	}
	fmt.Fprintf(stderr, "%s: %s\n", command, strings.ReplaceAll(err.Error(), "\n", "; "))
	return status
}

// A journal writes events as lines, each by a single Write, so that the lines of
// several goroutines or programs which share an output stay whole.
type journal struct {
	render func(evidence.ProgramEvent) []byte
	mu     sync.Mutex
	out    io.Writer
	err    error
}

// write is a recorder. After an error it writes nothing more.
func (j *journal) write(e evidence.ProgramEvent) {
	line := j.render(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil && len(line) > 0 {
		_, j.err = j.out.Write(line)
	}
}

// failure is the error that ended the journal, or nil: an account with lines
// missing must not pass for a whole one.
func (j *journal) failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		return nil
	}
	return fmt.Errorf("write events: %w", j.err)
}

// jsonLine renders an event as one line of JSON.
func jsonLine(e evidence.ProgramEvent) []byte {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // no event of ours has a value that JSON cannot express
	}
	return append(line, '\n')
}

// serverText renders a server's event as the line that people see, if they see
// one.
func serverText(e evidence.ProgramEvent) []byte {
	switch e.Event {
	case evidence.EventListening:
		return fmt.Appendf(nil, "Waiting for connections on %v\n", e.Local)
	case evidence.EventAccepted:
		return fmt.Appendf(nil, "Connected to: %v\n", e.Remote)
	case evidence.EventClosed:
		return fmt.Appendf(nil, "Connections served: %d\n", e.Served)
	case evidence.EventStopped:
		return fmt.Appendf(nil, "Stopped, connections served: %d\n", e.Served)
	}
	return nil
}

// clientText renders a client's event as the line that people see, if they see
// one. What was received has been compared with what had to come, so no byte
// gets to a terminal that its user did not send there.
func clientText(e evidence.ProgramEvent) []byte {
	if e.Event != evidence.EventReceived {
		return nil
	}
	payload := e.Payload()
	if string(payload) == Greeting {
		return payload
	}
	return fmt.Appendf(nil, "fromServer: %s\n", payload)
}
