package echo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// perform says what the script has, and holds. A context that is done while the
// connection is held only ends the hold.
func (s *session) perform(ctx context.Context, script script) error {
	total := script.count * len(script.messages)
	for i := range total {
		if i > 0 && script.interval > 0 {
			pause, cancel := context.WithTimeout(ctx, script.interval)
			err := s.hold(pause)
			cancel()
			if err == nil && ctx.Err() != nil {
				err = s.fail(fmt.Errorf("interrupted after %d of %d replies", i, total))
			}
			if err != nil {
				return err
			}
		}
		if err := s.exchange(ctx, []byte(script.messages[i%len(script.messages)])); err != nil {
			return err
		}
	}
	if !script.hold {
		return nil
	}
	if script.holdTime > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, script.holdTime)
		defer cancel()
	}
	s.client.record.record(on(s.conn, evidence.EventHolding))
	return s.hold(ctx)
}

const (
	prompt = "input message "
	// lastLine is the line that ends an interactive session, as the end of the
	// input does.
	lastLine = "exit"
)

// A line is one line of input, or why there is none.
type line struct {
	text []byte
	err  error
}

// converse sends line after line of the input, each without its line end and
// after a prompt on out. It goes on until the line exit, the end of the input,
// or, at the prompt, the end of the context. Lines without a byte are passed
// over: they would send nothing.
//
// A read of the input cannot be called off: its goroutine lives on until the
// input has another line or ends.
func (s *session) converse(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := make(chan line)
	done := make(chan struct{})
	defer close(done)
	go readLines(in, lines, done)
	for {
		fmt.Fprint(out, prompt)
		next, err := s.nextLine(ctx, lines)
		switch {
		case err != nil:
			fmt.Fprintln(out)
			return err
		case errors.Is(next.err, io.EOF) || errors.Is(next.err, context.Canceled):
			fmt.Fprintln(out)
			return nil
		case next.err != nil:
			return s.fail(fmt.Errorf("read the input: %w", next.err))
		case string(next.text) == lastLine:
			return nil
		case len(next.text) == 0:
			continue
		}
		if err := s.exchange(ctx, next.text); err != nil {
			return err
		}
	}
}

// nextLine waits for a line, and watches the connection meanwhile.
func (s *session) nextLine(ctx context.Context, lines <-chan line) (next line, err error) {
	waiting, stop := context.WithCancel(ctx)
	got := make(chan line, 1)
	go func() {
		defer stop()
		select {
		case l := <-lines:
			got <- l
		case <-waiting.Done():
			got <- line{err: context.Canceled}
		}
	}()
	err = s.hold(waiting)
	stop()
	return <-got, err
}

// readLines hands over lines without their ends, and then the error that ended
// the input.
func readLines(in io.Reader, lines chan<- line, done <-chan struct{}) {
	input := bufio.NewReader(in)
	for {
		text, err := input.ReadBytes('\n')
		next := line{text: bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))}
		if len(text) == 0 {
			next.err = err
		}
		select {
		case lines <- next:
		case <-done:
			return
		}
		if next.err != nil {
			return
		}
	}
}
