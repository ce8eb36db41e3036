package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// A stream is the control stream of a host: its agent's standard output is
// read, its standard input is written. It ends with the agent.
type stream struct {
	*io.PipeReader // the agent's standard output
	cli            *client.Client
	container      string
	attached       client.HijackedResponse
	stderr         bytes.Buffer  // whole once ended is closed
	ended          chan struct{} // closed when all the agent said was read
}

// attach opens the stream of a container that is not started yet, so that
// nothing of it is missed.
func attach(ctx context.Context, cli *client.Client, name string) (*stream, error) {
	attached, err := cli.ContainerAttach(ctx, name, client.ContainerAttachOptions{
		Stream: true, Stdin: true, Stdout: true, Stderr: true,
	})
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	s := &stream{PipeReader: reader, cli: cli, container: name, attached: attached.HijackedResponse, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		_, err := stdcopy.StdCopy(writer, &s.stderr, s.attached.Reader)
		_ = writer.CloseWithError(err) // always nil
	}()
	return s, nil
}

// Write writes to the agent's standard input.
func (s *stream) Write(p []byte) (int, error) { return s.attached.Conn.Write(p) }

// Close ends the stream, and with it an agent that still runs.
func (s *stream) Close() error {
	_ = s.PipeReader.Close()    // always nil
	_ = s.attached.Conn.Close() // it may be closed
	<-s.ended
	return nil
}

// endTimeout bounds how long a container may take to end after its stream has.
const endTimeout = 2 * time.Second

// explain says how the container of a stream that was closed ended.
func (s *stream) explain(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	var waitErr error
	wait := s.cli.ContainerWait(ctx, s.container, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-wait.Result:
	case waitErr = <-wait.Error:
	}
	if ctx.Err() != nil {
		return "the connection to its container ended, which still runs"
	}
	inspected, err := s.cli.ContainerInspect(ctx, s.container, client.ContainerInspectOptions{})
	if err = errors.Join(waitErr, err); err != nil {
		return "its container cannot be asked how it ended: " + oneLine(err)
	}
	return ending(inspected.Container.State, s.stderr.String())
}

// ending is an end in words: the exit status, what the engine says of it, and
// what the agent said last.
func ending(state *container.State, stderr string) string {
	text := fmt.Sprintf("its container ended with status %d", state.ExitCode)
	switch {
	case state.OOMKilled:
		text += ", as the kernel was out of memory for it"
	case state.ExitCode > 128:
		text += fmt.Sprintf(", by signal %d", state.ExitCode-128)
	}
	for _, more := range []string{state.Error, strings.TrimPrefix(stderr, "lab: ")} {
		if more != "" {
			text += fmt.Sprintf(": %.1000s", oneLine(errors.New(more)))
		}
	}
	return text
}
