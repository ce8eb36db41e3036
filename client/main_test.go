package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/echo"
)

// asClient makes the test binary the client itself.
const asClient = "FOURTUPLE_TEST_AS_CLIENT"

func TestMain(m *testing.M) {
	if os.Getenv(asClient) != "" {
		main()
	}
	os.Exit(m.Run())
}

// client is the program, not yet started.
func client(args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), asClient+"=1")
	return command
}

// start starts a server, and returns its address.
func start(t *testing.T) string {
	t.Helper()
	listener, err := echo.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&echo.Server{}).Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	return listener.Addr().String()
}

func TestExitStatus(t *testing.T) {
	help, err := client("--help").Output()
	require.NoError(t, err)
	assert.Contains(t, string(help), "Usage: client")

	wrong := client()
	out, err := wrong.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, 2, wrong.ProcessState.ExitCode())
	assert.Equal(t, "client: give the server's address as HOST:PORT, and nothing else beside flags\n", string(out))

	// Nobody listens on port 1 (tcpmux) these days.
	alone := client("127.0.0.1:1", "--message", "x", "--retry", "0")
	out, err = alone.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, 1, alone.ProcessState.ExitCode())
	assert.Contains(t, string(out), "client: connect to 127.0.0.1:1: ")
}

func TestInteractive(t *testing.T) {
	command := client(start(t))
	command.Stdin = strings.NewReader("hello\nexit\n")
	out, err := command.Output()
	require.NoError(t, err)
	assert.Equal(t, "Welcome to the Server\ninput message fromServer: Server Says: hello\ninput message ", string(out))
}
