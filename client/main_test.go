package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
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

// A signal ends a hold as it should end: with FIN, and status 0.
func TestSignalEndsAHold(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	ended := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			io.WriteString(conn, echo.Greeting)
			_, err = io.Copy(io.Discard, conn)
			conn.Close()
		}
		ended <- err
	}()
	command := client(listener.Addr().String(), "--hold", "--json")
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	lines := bufio.NewReader(stdout)
	for line := ""; !strings.Contains(line, `"holding"`); {
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.NoError(t, command.Wait())
	assert.Contains(t, string(rest), `"closed"`)
	assert.NoError(t, <-ended, "FIN and not RST")
}
