package agent

import (
	"bufio"
	"bytes"
	"cmp"
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
	"github.com/fourtuple/fourtuple/internal/topology"
	"github.com/fourtuple/fourtuple/internal/witness"
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
	name      string // as the lab has it, empty for the host's command
	prompts   bool
	stdin     *os.File
	answers   chan evidence.ProgramEvent // what it answered and nobody took yet
	announced chan struct{}              // closed when it says that it is ready
	ended     chan struct{}              // closed when it has ended and all it said is recorded
	err       error                      // why its end is not known, once ended is closed
	children  map[int]int                // processes that told something, by the numbers that they gave themselves
}

// hasEnded tells whether the program has ended.
func (p *program) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// startProgram starts a program of the host and reads what it prints. A program
// that was started is returned also with an error.
func (a *Agent) startProgram(ctx context.Context, name string, args []string) (*program, error) {
	var ours, theirs [3]*os.File // standard input, output and error
	var err error
	for i := range ours {
		var r, w *os.File
		if r, w, err = os.Pipe(); err != nil {
			break
		}
		if ours[i], theirs[i] = r, w; i == 0 {
			ours[i], theirs[i] = w, r
		}
	}
	var process Process
	var told error
	if err == nil {
		process, err = a.tables.begin(name, func() (Process, error) {
			process, err := a.Namespace.Start(ctx, Program{
				Args: args, Environment: a.Host.Environment, Directory: a.Host.WorkingDirectory,
				Hostname: a.Host.Hostname, ExtraHosts: a.Host.ExtraHosts,
				Stdin: theirs[0], Stdout: theirs[1], Stderr: theirs[2],
			})
			if err == nil {
				told = a.recorder.tell(evidence.HostEvent{Event: evidence.HostStarted, Program: name, PID: process.PID(), Command: args})
			}
			return process, err
		})
	}
	for i := range theirs {
		_ = theirs[i].Close() // also where a pipe could not be made
		if err != nil {
			_ = ours[i].Close()
		}
	}
	if err != nil {
		return nil, err
	}
	p := &program{
		Process: process, name: name, prompts: topology.Prompts(args), stdin: ours[0],
		answers: make(chan evidence.ProgramEvent, 1), announced: make(chan struct{}), ended: make(chan struct{}),
		children: make(map[int]int),
	}
	var pipes sync.WaitGroup
	pipes.Go(func() {
		var once sync.Once
		readLines(ours[1], func(line []byte) {
			e := a.recordEvent(p, parseEvent(line))
			switch e.Event {
			case evidence.EventListening, evidence.EventHolding, evidence.EventPrompt:
				once.Do(func() { close(p.announced) })
			case evidence.EventAnswer:
				select {
				case p.answers <- e:
				default: // nobody asked
				}
			}
		})
	})
	pipes.Go(func() { // it may say why a program did not do what was expected
		readLines(ours[2], func(line []byte) {
			a.recordEvent(p, evidence.ProgramEvent{Event: evidence.EventLine, Error: string(line)})
		})
	})
	go func() {
		defer close(p.ended)
		var status int
		status, p.err = process.Wait()
		a.tables.forget(name)
		deadline := time.Now().Add(drainTime)
		_ = ours[0].Close()
		_ = ours[1].SetReadDeadline(deadline)
		_ = ours[2].SetReadDeadline(deadline)
		pipes.Wait()
		if p.err == nil {
			p.err = a.recorder.tell(evidence.HostEvent{Event: evidence.HostExited, Program: name, PID: process.PID(), Status: &status})
		}
	}()
	return p, told
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

// teller is the process that tells an event, by the number that it gives itself,
// which may be another one outside of its PID namespace; the program's own if it
// gives none, or one that is no process of the program.
func (p *program) teller(number int) int {
	if number == 0 {
		return p.PID()
	}
	if pid, found := witness.ProcessOf(p.PID(), number); found {
		p.children[number] = pid // it may have ended when its last event is read
	}
	return cmp.Or(p.children[number], p.PID())
}

// recordEvent records an event of a program at the time that it gave, if that
// can be, and returns it as recorded.
func (a *Agent) recordEvent(p *program, e evidence.ProgramEvent) evidence.ProgramEvent {
	e.Program, e.PID = p.name, p.teller(e.PID)
	// That an event cannot be recorded shows in the file's seal.
	_ = add(a.recorder.output(evidence.Program), e.Time, []evidence.ProgramEvent{e},
		func(recorded *evidence.ProgramEvent, h evidence.Header) { recorded.Header, e.Header = h, h })
	if a.Output != nil {
		a.outputMu.Lock()
		defer a.outputMu.Unlock()
		fmt.Fprintln(a.Output, inWords(e))
	}
	return e
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
	case evidence.EventPrompt:
		text = "takes lines"
	case evidence.EventCall, evidence.EventAnswer:
		text = strings.Join(strings.Fields(fmt.Sprintf("%s: %s %s = %d %s %s", e.Event, e.Call, e.Socket, e.Result, e.Errno, e.Error)), " ")
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

// typeLine types a line to the program. A prompt then answers it: type waits for
// that until ctx ends.
func (p *program) typeLine(ctx context.Context, line string) (*evidence.ProgramEvent, error) {
	select {
	case <-p.answers: // to nothing that was typed
	default:
	}
	stop := context.AfterFunc(ctx, func() { _ = p.stdin.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := p.stdin.WriteString(line + "\n"); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not read its input: %w", context.Cause(ctx))
		}
		return nil, err
	}
	if !p.prompts {
		return nil, nil
	}
	var answer evidence.ProgramEvent
	select {
	case answer = <-p.answers:
	case <-ctx.Done():
		return nil, fmt.Errorf("it did not answer: %w", context.Cause(ctx))
	case <-p.ended:
		select {
		case answer = <-p.answers:
		default:
			return nil, errors.New("it ended and did not answer")
		}
	}
	if answer.Error != "" {
		return nil, errors.New(answer.Error)
	}
	return &answer, nil
}

// end asks the program to end by its stop signal, and kills it when it does not
// within its grace, or when ctx ends. One that was stopped by a signal
// (signal(7)) continues, so that it can end.
func (p *program) end(ctx context.Context, signal os.Signal, grace time.Duration) error {
	if grace <= 0 {
		grace = defaultGrace
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if p.hasEnded() {
		return p.err
	}
	var err error
	if ctx.Err() == nil {
		err = errors.Join(p.Signal(signal), p.Signal(continueSignal))
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		err = errors.Join(err, p.Signal(syscall.SIGKILL))
		<-p.ended
	}
	if err = errors.Join(err, p.err); err != nil {
		return fmt.Errorf("stop the program: %w", err)
	}
	return nil
}
