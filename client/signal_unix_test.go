//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/echo"
)

// until starts a client and reads its events up to one of that name.
func until(t *testing.T, name string, args ...string) (command *exec.Cmd, rest io.Reader) {
	t.Helper()
	command = client(append(args, "--json")...)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { command.Process.Kill() })
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		require.NoError(t, err)
		var e echo.Event
		require.NoError(t, json.Unmarshal(line, &e))
		if e.Event == name {
			return command, lines
		}
	}
}

// end signals a client and returns its status and what it still had to say.
func end(t *testing.T, command *exec.Cmd, rest io.Reader, signal syscall.Signal) (status int, said string) {
	t.Helper()
	require.NoError(t, command.Process.Signal(signal))
	text, err := io.ReadAll(rest)
	require.NoError(t, err)
	command.Wait()
	return command.ProcessState.ExitCode(), string(text)
}

func TestSignalsEndAHold(t *testing.T) {
	address := start(t)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		command, rest := until(t, echo.Holding, address, "--message", "hello", "--hold", "1h")
		status, said := end(t, command, rest, signal)
		assert.Zero(t, status, "as if the hold had run out")
		assert.Contains(t, said, `"closed"`)
		assert.NotContains(t, said, `"failed"`)
	}
}

// The control: to be cut off before the replies are there is a failure.
func TestSignalsFailAnExchange(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			io.WriteString(conn, echo.Greeting)
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	command, rest := until(t, echo.Sent, listener.Addr().String(), "--message", "hello")
	status, said := end(t, command, rest, syscall.SIGTERM)
	assert.Equal(t, 1, status)
	assert.Contains(t, said, `interrupted before the reply to \"hello\" had come`)
}
