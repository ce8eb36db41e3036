package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

const (
	// longestLine bounds a line that a program prints; longer ones are cut into
	// pieces.
	longestLine = 64 << 10
	// defaultGrace is Compose's default stop_grace_period.
	defaultGrace = 10 * time.Second
	// drainTime is how long what a program printed is read after its end, if
	// somebody else holds its output open.
	drainTime = 5 * time.Second
)

// A program is a program that was started, and what it tells of itself.
type program struct {
	Process
	announced chan struct{} // closed when it says that it listens or holds
	ended     chan struct{} // closed when it has ended and all it said is recorded
	err       error         // why its end is not known, once ended is closed
}

// startProgram starts the host's program and reads what it prints. A program
// that was started is returned also with an error.
func (a *Agent) startProgram(ctx context.Context) (*program, error) {
	stdout, stdoutWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stderr, stderrWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, stdout.Close(), stdoutWriter.Close())
	}
	process, err := a.Namespace.Start(ctx, Program{
		Args: a.Host.Program, Environment: a.Host.Environment, Directory: a.Host.WorkingDirectory,
		Hostname: a.Host.Hostname, ExtraHosts: a.Host.ExtraHosts,
		Stdout: stdoutWriter, Stderr: stderrWriter,
	})
	closeErr := errors.Join(stdoutWriter.Close(), stderrWriter.Close())
	if err != nil {
		return nil, errors.Join(err, closeErr, stdout.Close(), stderr.Close())
	}
	told := a.recorder.tell(evidence.HostEvent{Event: evidence.HostStarted, PID: process.PID(), Command: a.Host.Program})
	p := &program{Process: process, announced: make(chan struct{}), ended: make(chan struct{})}
	var pipes sync.WaitGroup
	pipes.Go(func() {
		var once sync.Once
		readLines(stdout, func(line []byte) {
			e := parseEvent(line)
			a.recordEvent(e)
			if e.Event == evidence.EventListening || e.Event == evidence.EventHolding {
				once.Do(func() { close(p.announced) })
			}
		})
	})
	pipes.Go(func() { // it may say why a program did not do what was expected
		readLines(stderr, func(line []byte) {
			a.recordEvent(evidence.ProgramEvent{Event: evidence.EventLine, Error: string(line)})
		})
	})
	go func() {
		defer close(p.ended)
		var status int
		status, p.err = process.Wait()
		deadline := time.Now().Add(drainTime)
		_ = stdout.SetReadDeadline(deadline)
		_ = stderr.SetReadDeadline(deadline)
		pipes.Wait()
		if p.err == nil {
			p.err = a.recorder.tell(evidence.HostEvent{Event: evidence.HostExited, Status: &status})
		}
	}()
	return p, errors.Join(closeErr, told)
}

// readLines reads lines that are not empty from a pipe to its end, and closes
// it.
func readLines(pipe *os.File, each func([]byte)) {
	defer pipe.Close()
	reader := bufio.NewReaderSize(pipe, longestLine)
	for {
		line, err := reader.ReadSlice('\n')
		if text := bytes.TrimRight(line, "\r\n"); len(text) > 0 {
			each(text)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// recordEvent records an event at the time that the program gave it, if that
// can be.
func (a *Agent) recordEvent(e evidence.ProgramEvent) {
	// That an event cannot be recorded shows in the file's seal.
	_ = add(a.recorder.output(evidence.Program), e.Time, []evidence.ProgramEvent{e},
		func(e *evidence.ProgramEvent, h evidence.Header) { e.Header = h })
	if a.Output != nil {
		a.outputMu.Lock()
		defer a.outputMu.Unlock()
		fmt.Fprintln(a.Output, inWords(e))
	}
}

// parseEvent reads a line that a program printed. What is no event of a known
// form, also JSON with an event of the program's own, is a line of text.
func parseEvent(line []byte) evidence.ProgramEvent {
	var e evidence.ProgramEvent
	if line[0] == '{' && json.Unmarshal(line, &e) == nil && e.Check() == nil {
		return e
	}
	if !utf8.Valid(line) {
		return evidence.ProgramEvent{Event: evidence.EventLine, Base64: bytes.Clone(line)}
	}
	return evidence.ProgramEvent{Event: evidence.EventLine, Text: string(line)}
}

// inWords puts an event of the program into words, for people who read along. A
// line that is no event is what it is, without control characters.
func inWords(e evidence.ProgramEvent) string {
	text := fmt.Sprintf("%s %s %s", e.Event, e.Payload(), e.Error)
	switch e.Event {
	case evidence.EventListening:
		text = fmt.Sprintf("waits for connections on %s", e.Local)
	case evidence.EventAccepted:
		text = fmt.Sprintf("Connected to: %s, on %s", e.Remote, e.Local)
	case evidence.EventConnected:
		text = fmt.Sprintf("connected to %s, from %s", e.Remote, e.Local)
	case evidence.EventSent:
		text = fmt.Sprintf("%s -> %s: sent %q", e.Local, e.Remote, e.Payload())
	case evidence.EventReceived:
		text = fmt.Sprintf("%s <- %s: received %q", e.Local, e.Remote, e.Payload())
	case evidence.EventHolding:
		text = fmt.Sprintf("%s -> %s: holds the connection open", e.Local, e.Remote)
	case evidence.EventClosed:
		text = fmt.Sprintf("%s -> %s: closed", e.Local, e.Remote)
	case evidence.EventFailed:
		text = "failed: " + e.Error
	case evidence.EventStopped:
		text = fmt.Sprintf("stopped, having served %d connections", e.Served)
	case evidence.EventLine:
		text = string(e.Payload()) + e.Error
	}
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.TrimRight(text, " "))
}

// end asks the program to end by its stop signal, and kills it when it does not
// within its grace, or when ctx ends.
func (p *program) end(ctx context.Context, signal string, grace time.Duration) error {
	if grace <= 0 {
		grace = defaultGrace
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	var err error
	if ctx.Err() == nil {
		select {
		case <-p.ended:
			return p.err
		default:
		}
		if err = p.Signal(signalNamed(signal)); err != nil {
			err = fmt.Errorf("stop the program: %w", err)
		}
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		err = errors.Join(err, p.Signal(syscall.SIGKILL))
		<-p.ended
	}
	return errors.Join(err, p.err)
}
