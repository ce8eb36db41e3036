package echo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	prompt = "input message "
	// farewellLine is the line that ends an interactive session, as the end of the input does.
	farewellLine = "exit"
)

// Interact connects to a server, given as HOST:PORT, and sends it line after line of the input, each without
// its line end and after a prompt on out. It goes on until the line exit, the end of the input, or, at the
// prompt, the end of the context. Lines without a byte are passed over: they would send nothing. The error is
// as in Run.
//
// A read of the input cannot be called off: its goroutine lives on until the input has another line or ends.
func (c *Client) Interact(ctx context.Context, address string, in io.Reader, out io.Writer) error {
	session, err := c.Dial(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(session.converse(ctx, in, out), session.Close())
}

// line is one line of input, or why there is none.
type line struct {
	text []byte
	err  error
}

func (s *Session) converse(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := make(chan line)
	go readLines(in, lines, s.closing)
	for {
		fmt.Fprint(out, prompt)
		next, err := until(ctx, s, lines)
		if err == nil {
			err = next.err
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, errInterrupted):
			fmt.Fprintln(out)
			return nil
		case s.failure != nil:
			fmt.Fprintln(out)
			return err
		case err != nil:
			return s.fail(fmt.Errorf("read the input: %w", err))
		case string(next.text) == farewellLine:
			return nil
		case len(next.text) == 0:
			continue
		}
		if _, err := s.Exchange(ctx, next.text); err != nil {
			return err
		}
	}
}

// readLines hands over lines without their ends, and then the error that ended the input.
func readLines(in io.Reader, lines chan<- line, closing <-chan struct{}) {
	input := bufio.NewReader(in)
	for {
		text, err := input.ReadBytes('\n')
		next := line{text: bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))}
		if len(text) == 0 {
			next.err = err
		}
		select {
		case lines <- next:
		case <-closing:
			return
		}
		if next.err != nil {
			return
		}
	}
}
