package main

import (
	"os"
	"os/exec"
	"testing"

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
