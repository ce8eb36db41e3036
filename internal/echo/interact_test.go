package echo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestInteractSendsLines(t *testing.T) {
	for name, c := range map[string]struct {
		input string
		sent  []string
		ends  string // what follows the last prompt
	}{
		"exit":                {"hello\nsecond line\nexit\nnever sent\n", []string{"hello", "second line"}, ""},
		"end of input":        {"hello\n", []string{"hello"}, "\n"},
		"no line end":         {"hello", []string{"hello"}, "\n"},
		"exit, no line end":   {"hello\nexit", []string{"hello"}, ""},
		"nothing":             {"", nil, "\n"},
		"empty lines":         {"\n\nhello\n\n", []string{"hello"}, "\n"},
		"CRLF":                {"hello\r\nexit\r\n", []string{"hello"}, ""},
		"spaces are kept":     {" exit\nexit \n", []string{" exit", "exit "}, "\n"},
		"longer than a chunk": {strings.Repeat("x", 100_000) + "\n", []string{strings.Repeat("x", 100_000)}, "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, Server{})
			var out bytes.Buffer
			var seen watched
			client := Client{Timeout: patience, Record: seen.record}
			require.NoError(t, client.Interact(t.Context(), server.address, strings.NewReader(c.input), &out))
			var sent []string
			for _, e := range seen.named(Sent) {
				sent = append(sent, e.Text)
			}
			assert.Equal(t, c.sent, sent)
			assert.Equal(t, c.ends, strings.ReplaceAll(out.String(), prompt, ""), "only prompts are printed here")
			assert.True(t, strings.HasSuffix(out.String(), prompt+c.ends), out.String())
		})
	}
}

func TestInteractEndsWhenInterruptedAtThePrompt(t *testing.T) {
	server := start(t, Server{})
	input, keyboard := io.Pipe()
	defer keyboard.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	var seen watched
	client := Client{Record: seen.record}
	go func() { done <- client.Interact(ctx, server.address, input, io.Discard) }()
	seen.wait(t, Received, 1)
	io.WriteString(keyboard, "hello\n")
	seen.wait(t, Received, 2)
	assert.Empty(t, done, "it waits for another line")
	cancel()
	require.NoError(t, <-done)
	assert.Empty(t, server.wait(t, Closed, 1).Error)
}

func TestInteractNoticesTheServersEnd(t *testing.T) {
	server := start(t, Server{})
	input, keyboard := io.Pipe()
	defer keyboard.Close()
	done := make(chan error, 1)
	go func() { done <- (&Client{}).Interact(t.Context(), server.address, input, io.Discard) }()
	server.wait(t, Sent, 1)
	server.stop()
	assert.EqualError(t, <-done, "the server closed the connection before the client was done")
}

func TestInteractTellsOfBrokenInput(t *testing.T) {
	server := start(t, Server{})
	input, keyboard := io.Pipe()
	keyboard.CloseWithError(errors.New("unplugged"))
	err := (&Client{}).Interact(t.Context(), server.address, input, io.Discard)
	assert.EqualError(t, err, "read the input: unplugged")
}

func TestInteractTellsOfWrongReply(t *testing.T) {
	address := fake(t, func(conn *net.TCPConn) {
		io.WriteString(conn, Greeting)
		listen(conn, 5)
		io.WriteString(conn, Prefix+"other")
	})
	client := Client{Timeout: patience}
	err := client.Interact(t.Context(), address, strings.NewReader("hello\n"), io.Discard)
	assert.EqualError(t, err, `the reply to "hello" is wrong at byte 14: "Server Says: other"`)
}
