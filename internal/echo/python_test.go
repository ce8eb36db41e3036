package echo

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// python is a Python program from testdata, ready to start and killed when the test is over. Where the checks
// must be whole, in CI, Python must be there.
func python(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil && os.Getenv("CI") == "true" {
		require.NoError(t, err)
	}
	if err != nil {
		t.Skip("python3 is not installed, so that the post's programs cannot be run")
	}
	command := exec.CommandContext(t.Context(), path, append([]string{filepath.Join("testdata", program)}, args...)...)
	command.Env = append(os.Environ(), "PYTHONUTF8=1")
	command.Stderr = os.Stderr
	return command
}

// startPython starts a Python server, and returns its address.
func startPython(t *testing.T, program string) string {
	t.Helper()
	server := python(t, program, "0")
	server.Stderr = nil // it is killed, and may say so
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		io.Copy(io.Discard, lines)
	}()
	t.Cleanup(func() {
		server.Process.Kill()
		<-drained
		server.Wait()
	})
	port := line[strings.LastIndexByte(line, ' ')+1:]
	return net.JoinHostPort("127.0.0.1", strings.TrimSpace(port))
}

// printed is a Python program's output, with the line ends of Unix.
func printed(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	out, err := command.Output()
	require.NoError(t, err)
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// typed is a session at the prompt.
const typed = "hello\nServer Says: hello\n안녕하세요\nS\nexit\n"

func TestPythonClientWithOurServer(t *testing.T) {
	server := start(t)
	host, port, err := net.SplitHostPort(server.address)
	require.NoError(t, err)
	client := python(t, "client.py", host, port)
	client.Stdin = strings.NewReader(typed)
	assert.Equal(t, Greeting+
		prompt+"fromServer: Server Says: hello\n"+
		prompt+"fromServer: Server Says: Server Says: hello\n"+
		prompt+"fromServer: Server Says: 안녕하세요\n"+
		prompt+"fromServer: Server Says: S\n"+
		prompt, printed(t, client))
	assert.Empty(t, server.wait(t, evidence.EventClosed, 1).Error)
}

// Our client prints, byte for byte, what the Python client prints, whichever server it has.
func TestOurClientWithPythonServer(t *testing.T) {
	address := startPython(t, "server.py")
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	theirs := python(t, "client.py", host, port)
	theirs.Stdin = strings.NewReader(typed)
	want := printed(t, theirs)

	for _, server := range []string{address, start(t).address} {
		var stdout, stderr bytes.Buffer
		status := ClientMain(t.Context(), []string{server}, strings.NewReader(typed), &stdout, &stderr)
		assert.Zero(t, status, stderr.String())
		assert.Equal(t, want, stdout.String())
	}
}

func TestOurScriptsWithPythonServer(t *testing.T) {
	args := []string{"--count", "3", "--message", "hello", "--message", strings.Repeat("0123456789", 10_000), "--message", Prefix}
	status, _, stderr := call(t, ClientMain, append(args, startPython(t, "server.py"))...)
	assert.Zero(t, status, stderr)
	status, _, stderr = call(t, ClientMain, append(args, startPython(t, "wrong_server.py"))...)
	assert.Equal(t, statusFailed, status, "the control")
	assert.Equal(t, `client: the reply to "hello" is wrong: "Server Says: HELLO"`+"\n", stderr)
}

// transcript is all that a server sends, from the first byte to FIN, to a peer that says these messages, each
// when the reply to the one before is there.
func transcript(t *testing.T, address string, messages []string) string {
	t.Helper()
	conn := dial(t, address)
	heard := readN(t, conn, len(Greeting))
	for _, message := range messages {
		say(t, conn, message)
		heard += readN(t, conn, len(Prefix)+len(message))
	}
	require.NoError(t, conn.CloseWrite())
	rest, err := io.ReadAll(conn)
	require.NoError(t, err)
	return heard + string(rest)
}

func TestOurServerSendsWhatPythonSends(t *testing.T) {
	messages := []string{"hello", Prefix, "안녕", "\n", strings.Repeat("x", ChunkSize)}
	want := transcript(t, startPython(t, "server.py"), messages)
	assert.Equal(t, want, transcript(t, start(t).address, messages))
	assert.NotEqual(t, want, transcript(t, startPython(t, "wrong_server.py"), messages), "the control")
}
