package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/witness"
)

const (
	// dialTimeout is how long a host looks for its judge, dialPause how long it
	// waits between two looks.
	dialTimeout = 10 * time.Second
	dialPause   = 50 * time.Millisecond
	// staleSocket is how old the socket of a judge is that ended before this
	// lab was started.
	staleSocket = time.Minute
	// lingerTime is how much longer than the judge a host stays: Compose takes
	// the first container that ends for the one whose status counts.
	lingerTime = 300 * time.Millisecond
	// pollInterval is how often the agent looks at its tables.
	pollInterval = 50 * time.Millisecond
)

// errJudgeEnded says that there was a judge, which has ended already and said
// why.
var errJudgeEnded = errors.New("the judge has ended")

// hostMain is the agent of a host.
func hostMain(ctx context.Context, args []string, socket string, stdin io.Reader, stdout, stderr io.Writer) int {
	stdio := len(args) > 0 && args[0] == "--stdio"
	if stdio {
		args = args[1:]
	}
	if len(args) == 0 || stdio && len(args) > 1 {
		fmt.Fprintln(stderr, "usage: lab host NAME [PROGRAM ARG...], or lab host --stdio NAME")
		return statusCannot
	}
	name, program := args[0], args[1:]
	if len(program) > 0 && program[0] == "--" {
		program = program[1:]
	}
	var err error
	if stdio {
		err = serve(ctx, standardStreams{stdin, stdout}, run.Hello{Host: name}, nil)
	} else {
		err = serveSocket(ctx, socket, run.Hello{Host: name, Program: program}, stdout)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, run.ErrNoCoordinator), errors.Is(err, errJudgeEnded), ctx.Err() != nil:
		// Whoever ended this knows why, and the judge's words are the last.
	default:
		fmt.Fprintf(stderr, "lab: %s: %v\n", name, err)
	}
	return statusCannot
}

// serveSocket is led over the judge's socket. It ends a moment after the judge.
func serveSocket(ctx context.Context, socket string, hello run.Hello, output io.Writer) error {
	stream, err := dial(ctx, socket, dialTimeout)
	if err != nil {
		return err
	}
	if err := serve(ctx, stream, hello, output); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(lingerTime):
	}
	return nil
}

// serve is led over a stream.
func serve(ctx context.Context, stream io.ReadWriteCloser, hello run.Hello, output io.Writer) error {
	var err error
	if hello.Interfaces, err = witness.Interfaces(); err != nil {
		return errors.Join(err, stream.Close())
	}
	return run.Serve(ctx, stream, hello, func(s run.HostSetup, record func(evidence.Witness, []byte) error) (run.Host, error) {
		if s.Host.WorkingDirectory == "" { // then it is the image's
			if s.Host.WorkingDirectory, err = os.Getwd(); err != nil {
				return nil, err
			}
		}
		return agent.New(agent.Config{
			Host: s.Host, Run: s.Run, LabHash: s.LabHash, Record: record,
			Namespace: agent.InPlace{}, SetRoutes: true, Poll: pollInterval, Output: output,
		})
	})
}

// dial connects to the judge's socket, as soon as there is a judge.
func dial(ctx context.Context, socket string, within time.Duration) (net.Conn, error) {
	var dialer net.Dialer
	deadline := time.Now().Add(within)
	for {
		stream, err := dialer.DialContext(ctx, "unix", socket)
		switch {
		case err == nil:
			return stream, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case time.Now().After(deadline):
			if info, err := os.Stat(socket); err == nil && time.Since(info.ModTime()) < staleSocket {
				return nil, errJudgeEnded
			}
			return nil, fmt.Errorf("no judge at %s for %v: start the whole lab with docker compose up (%w)", socket, within, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(dialPause):
		}
	}
}

// standardStreams are a stream over standard input and output.
type standardStreams struct {
	io.Reader
	io.Writer
}

// Close closes what can be closed of them.
func (s standardStreams) Close() error {
	var errs []error
	for _, stream := range []any{s.Writer, s.Reader} {
		if c, ok := stream.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
