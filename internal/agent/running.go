package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// maxLine bounds a line that a program prints; longer ones are cut into pieces.
const maxLine = 1 << 20

// A running is a program that was started, and the account that it gives.
type running struct {
	Process
	done    chan struct{} // closed when the program has ended and all it said is written
	said    chan struct{} // closed when the program says that it listens or holds
	once    sync.Once
	status  int
	waitErr error
}

// start starts the host's program and listens to it.
func (a *Agent) start() (*running, error) {
	out, outWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	errs, errsWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, out.Close(), outWriter.Close())
	}
	process, err := a.Place.Start(Program{
		Args: a.Host.Program, Environment: a.Host.Environment, Directory: a.Host.WorkingDirectory,
		Hostname: a.Host.Hostname, ExtraHosts: a.Host.ExtraHosts,
		Stdout: outWriter, Stderr: errsWriter,
	})
	err = errors.Join(err, outWriter.Close(), errsWriter.Close())
	if err != nil {
		return nil, errors.Join(err, out.Close(), errs.Close())
	}
	r := &running{Process: process, done: make(chan struct{}), said: make(chan struct{})}
	var pipes sync.WaitGroup
	pipes.Go(func() { a.listen(r, out, a.hear) })
	pipes.Go(func() { a.listen(r, errs, a.overhear) })
	go func() {
		r.status, r.waitErr = process.Wait()
		// A grandchild that lives on may keep the pipes open; what it prints is
		// nobody's account.
		deadline := time.Now().Add(time.Second)
		_ = out.SetReadDeadline(deadline)
		_ = errs.SetReadDeadline(deadline)
		pipes.Wait()
		close(r.done)
	}()
	return r, nil
}

// listen reads lines from a pipe to its end.
func (a *Agent) listen(r *running, pipe *os.File, each func(*running, []byte)) {
	defer pipe.Close()
	lines := bufio.NewReaderSize(pipe, 4096)
	var line []byte
	for {
		part, err := lines.ReadSlice('\n')
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) && len(line) < maxLine {
			continue
		}
		if text := bytes.TrimRight(line, "\r\n"); len(text) > 0 {
			each(r, text)
		}
		line = line[:0]
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// hear takes a line of standard output: an event, or just a line.
func (a *Agent) hear(r *running, line []byte) {
	said := parseAccount(line)
	said.Host, said.Witness = a.Host.Name, evidence.Program
	if said.Time.IsZero() {
		said.Time = time.Now().UTC()
	}
	// An account that cannot be written shows in the file's seal.
	_ = evidence.Append(a.witnesses.program, said)
	if a.Output != nil {
		fmt.Fprintln(a.Output, narrate(said))
	}
	if said.Event == evidence.SaidListening || said.Event == evidence.SaidHolding {
		r.once.Do(func() { close(r.said) })
	}
}

// overhear takes a line of standard error, which is no account of anything but
// may say why a program did not do what was expected.
func (a *Agent) overhear(_ *running, line []byte) {
	said := evidence.Account{Header: a.header(evidence.Program), Event: evidence.SaidLine, Error: string(line)}
	_ = evidence.Append(a.witnesses.program, said)
	if a.Output != nil {
		fmt.Fprintf(a.Output, "%s\n", line)
	}
}

// parseAccount reads a line that a program printed. What is no event of a known
// form is a line of text.
func parseAccount(line []byte) evidence.Account {
	var said evidence.Account
	if line[0] == '{' && json.Unmarshal(line, &said) == nil && said.Event != "" {
		return said
	}
	return evidence.Account{Event: evidence.SaidLine, Text: string(line)}
}

// end asks the program to end, and kills it when it does not.
func (r *running) end(ctx context.Context, signal string, grace time.Duration) error {
	select {
	case <-r.done:
		return r.waitErr
	default:
	}
	if err := r.Signal(signalNamed(signal)); err != nil {
		return err
	}
	if grace <= 0 {
		grace = defaultGrace
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-r.done:
		return r.waitErr
	case <-timer.C:
	case <-ctx.Done():
	}
	err := r.Signal(syscall.SIGKILL)
	<-r.done
	return errors.Join(err, r.waitErr)
}

// defaultGrace is Compose's default stop_grace_period.
const defaultGrace = 10 * time.Second
