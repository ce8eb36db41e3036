//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second

// started is a server that runs, and its address.
func started(t *testing.T, args ...string) (command *exec.Cmd, address string) {
	t.Helper()
	command = server(append(args, "--address", "127.0.0.1:0")...)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() { command.Process.Kill() })
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	go io.Copy(io.Discard, lines)
	return command, strings.TrimSpace(strings.TrimPrefix(line, "Waiting for connections on "))
}

// greeted is a connection to the server that it has accepted.
func greeted(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err)
	return conn
}

func TestSignalsEndTheServer(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		command, address := started(t, "--grace", "1h")
		conn := greeted(t, address)
		require.NoError(t, command.Process.Signal(signal))
		require.Eventually(t, func() bool {
			late, err := net.Dial("tcp", address)
			if err == nil {
				late.Close()
			}
			return err != nil
		}, patience, 10*time.Millisecond, "it stops to accept")
		require.NoError(t, conn.Close(), "the last connection")
		require.NoError(t, command.Wait(), "status 0")
	}
}

// The control for grace: with none, an open connection does not keep the server.
func TestServerEndsAtOnceWithoutGrace(t *testing.T) {
	command, address := started(t, "--grace", "0s")
	greeted(t, address)
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, command.Wait())
}

// The first signal asks, the next ones do not.
func TestSecondSignalKills(t *testing.T) {
	command, address := started(t, "--grace", "1h")
	greeted(t, address)
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	deadline := time.After(patience)
	for {
		select {
		case err := <-ended:
			require.Error(t, err)
			status := command.ProcessState.Sys().(syscall.WaitStatus)
			assert.True(t, status.Signaled(), "%v", command.ProcessState)
			return
		case <-deadline:
			require.FailNow(t, "the server does not end")
		case <-time.After(10 * time.Millisecond):
			command.Process.Signal(syscall.SIGTERM)
		}
	}
}
