package agent

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inPlace runs a program in place to its end, and returns what it printed and
// its exit status.
func inPlace(t *testing.T, p Program, meanwhile func(Process)) (string, int) {
	t.Helper()
	out, writer, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	p.Stdout, p.Stderr = writer, writer
	process, err := InPlace{}.Start(t.Context(), p)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	if meanwhile != nil {
		meanwhile(process)
	}
	status, err := process.Wait()
	require.NoError(t, err)
	require.NoError(t, process.Signal(syscall.SIGTERM), "to signal what has ended is no error")
	// The pipe ends only when all that was started has ended.
	require.NoError(t, out.SetReadDeadline(time.Now().Add(10*time.Second)))
	printed, err := io.ReadAll(out)
	require.NoError(t, err)
	return string(printed), status
}

// What it starts has no privilege and no way to one, whoever this is.
func TestInPlaceStartsWithoutPrivilege(t *testing.T) {
	printed, status := inPlace(t, Program{
		Args:        []string{"sh", "-c", `id -u; id -G; pwd; echo "$HOME $A $PATH"; grep -E '^(Cap|NoNew)' /proc/self/status; exit 7`},
		Environment: []string{"A=1", "A=2", "HOME=/tmp"},
	}, nil)
	assert.Equal(t, 7, status)
	lines := strings.Split(strings.TrimSpace(printed), "\n")
	require.Len(t, lines, 10, printed)
	if os.Geteuid() == 0 {
		assert.Equal(t, []string{"65534", "65534"}, lines[:2])
	}
	self, err := os.Executable()
	require.NoError(t, err)
	assert.Equal(t, "/", lines[2])
	assert.Equal(t, "/tmp 2 "+self[:strings.LastIndex(self, "/")]+":"+os.Getenv("PATH"), lines[3], "the last of two counts")
	for _, line := range lines[4:] {
		name, value, _ := strings.Cut(line, ":\t")
		switch {
		case name == "NoNewPrivs":
			assert.Equal(t, "1", value)
		case name != "CapBnd" || os.Geteuid() == 0:
			assert.Equal(t, "0000000000000000", value, name)
		}
	}
}

// All that a program started ends with it, as in a container.
func TestInPlaceEndsWhatIsLeft(t *testing.T) {
	_, status := inPlace(t, Program{Args: []string{"sh", "-c", "sleep 100 & sleep 100 & wait"}}, func(p Process) {
		require.NoError(t, p.Signal(syscall.SIGTERM))
	})
	assert.Equal(t, 128+15, status)
}

func TestInPlaceLooksUpPrograms(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"hello": 0o755, "data": 0o644} {
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte("#!/bin/sh\necho hello"), mode))
	}
	path := []string{"PATH=/nowhere::" + dir}
	for want, p := range map[string]Program{
		dir + "/hello":                       {Args: []string{"./hello"}, Directory: dir},
		dir + "/./hello":                     {Args: []string{dir + "/./hello"}},
		"executable file not found in $PATH": {Args: []string{"data"}, Environment: path},
		"permission denied":                  {Args: []string{"./data"}, Directory: dir},
		"no such file or directory":          {Args: []string{"/nowhere/hello"}},
	} {
		found, err := p.Executable(p.FullEnvironment("/", nil))
		if err != nil {
			found = err.Error()
		}
		assert.Contains(t, found, want)
	}
	p := Program{Args: []string{"hello"}, Environment: path}
	found, err := p.Executable(p.FullEnvironment("/", nil))
	require.NoError(t, err)
	assert.Equal(t, dir+"/hello", found)
	_, err = InPlace{}.Start(t.Context(), Program{Args: []string{"nosuchprogram"}})
	require.ErrorIs(t, err, exec.ErrNotFound)
}

func TestSignalsHaveNames(t *testing.T) {
	for name, want := range map[string]os.Signal{
		"SIGINT": syscall.SIGINT, "quit": syscall.SIGQUIT, "": nil, "kill": syscall.SIGKILL, "SIGNONSENSE": nil,
	} {
		assert.Equal(t, want, signalNamed(name), name)
	}
}
