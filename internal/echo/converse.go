package echo

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// perform says what the script has, and holds. A context that is done while the
// connection is held only ends the hold.
func (s *session) perform(ctx context.Context, script script) error {
	total := script.count * len(script.messages)
	for i := range total {
		if i > 0 && !sleep(ctx, script.interval) {
			return s.fail(fmt.Errorf("interrupted after %d of %d replies", i, total))
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
	acknowledge(s.conn)
	s.client.record.record(on(s.conn, evidence.EventHolding))
	return s.hold(ctx)
}

const (
	prompt = "input message "
	// lastLine is the line that ends an interactive session, as the end of the
	// input does.
	lastLine = "exit"
	// longestLine bounds a line of input.
	longestLine = 1 << 24
)

// converse sends line after line of the input, each without its line end and
// after a prompt on out. It goes on until the line exit, the end of the input,
// or, at the prompt, the end of the context. Lines without a byte are passed
// over: they would send nothing.
//
// A read of the input cannot be called off: its goroutine lives on until the
// input has another line or ends.
func (s *session) converse(ctx context.Context, in io.Reader, out io.Writer) error {
	lines, done := make(chan []byte), make(chan struct{})
	defer close(done)
	go func() {
		defer close(lines)
		input := bufio.NewScanner(in)
		input.Buffer(nil, longestLine)
		for input.Scan() {
			select {
			case lines <- bytes.Clone(input.Bytes()):
			case <-done:
				return
			}
		}
	}()
	for {
		fmt.Fprint(out, prompt)
		var line []byte
		more := false
		select {
		case line, more = <-lines:
		case <-ctx.Done():
		}
		switch {
		case !more:
			fmt.Fprintln(out)
			return nil
		case string(line) == lastLine:
			return nil
		case len(line) == 0:
			continue
		}
		if err := s.exchange(ctx, line); err != nil {
			return err
		}
	}
}
