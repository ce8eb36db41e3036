package capture

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crash names the file of the process that is to be killed.
const crash = "CAPTURE_TEST_CRASH"

// captureUntilKilled captures the namespace that it is started in.
func captureUntilKilled() {
	file, err := os.Create(os.Getenv(crash))
	if err == nil {
		_, err = Open([]evidence.Interface{{Name: "lo", Index: 1}}, file, Options{})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("live")
	select {}
}

// What a killed process leaves is a readable capture of what passed until a
// moment before, and does not look like one that was closed.
func TestKilled(t *testing.T) {
	h := newHost(t)
	name := t.TempDir() + "/killed.pcapng"
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), crash+"="+name)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	// The child inherits the namespace of the thread that starts it.
	h.on(func() { err = cmd.Start() })
	require.NoError(t, err)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "live\n", line)

	s := h.sender("lo")
	for i := range uint32(100) {
		s.send(synFrame(t, i))
	}
	whole := func() bool {
		file, err := os.ReadFile(name)
		return err == nil && bytes.Count(file, synFrame(t, 99)) == 1
	}
	require.Eventually(t, whole, 10*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	file, err := os.ReadFile(name)
	require.NoError(t, err)
	packets, info := read(t, file)
	assert.Equal(t, upTo(100), numbers(packets))
	assert.False(t, info.Closed())
	runtime.KeepAlive(out)
}
