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
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asServer makes the test binary the server itself.
const asServer = "FOURTUPLE_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
	}
	os.Exit(m.Run())
}

// server is the program, not yet started.
func server(args ...string) *exec.Cmd {
	command := exec.Command(os.Args[0], args...)
	command.Env = append(os.Environ(), asServer+"=1")
	return command
}

func TestExitStatus(t *testing.T) {
	help, err := server("--help").Output()
	require.NoError(t, err)
	assert.Contains(t, string(help), "Usage: server")

	wrong := server("--nonsense")
	out, err := wrong.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, 2, wrong.ProcessState.ExitCode())
	assert.Equal(t, "server: unknown flag: --nonsense\n", string(out))
}

// The first signal asks: the open connection may go on. The second does not.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	for _, again := range []bool{false, true} {
		command := server("--grace", "1h", "--address", "127.0.0.1:0")
		stdout, err := command.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		lines := bufio.NewReader(stdout)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		address := strings.TrimSpace(strings.TrimPrefix(line, "Waiting for connections on "))
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.NoError(t, err)

		require.NoError(t, command.Process.Signal(syscall.SIGTERM))
		require.Eventually(t, func() bool {
			late, err := net.Dial("tcp", address)
			if err == nil {
				late.Close()
			}
			return err != nil
		}, 20*time.Second, 10*time.Millisecond, "it stops to accept")
		if again {
			// The default action is back a moment after the listener is closed.
			go func() {
				for command.Process.Signal(syscall.SIGTERM) == nil {
					time.Sleep(10 * time.Millisecond)
				}
			}()
		} else {
			conn.Close()
		}
		io.Copy(io.Discard, lines)
		err = command.Wait()
		assert.Equal(t, again, err != nil, "%v", command.ProcessState)
		conn.Close()
	}
}
