package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A sighting is what an agent saw of a process.
type sighting struct {
	// Plain is the error of looking without any further ado.
	Plain     string
	Rows      []evidence.File
	Error     string
	Forbidden bool
}

// beAgent looks at a process and tells what it saw, as JSON.
func beAgent(arguments []string) error {
	pid, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	s := sighting{}
	if _, err := newWalker(header, 1).look(pid); err != nil {
		s.Plain = err.Error()
	}
	s.Rows, err = List(header, 1, pid)
	if err != nil {
		s.Error, s.Forbidden = err.Error(), errors.Is(err, fs.ErrPermission)
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// TestListAsTheAgentOfAContainer: the program runs as user 65534, the agent as
// root with no more capabilities than a container's.
func TestListAsTheAgentOfAContainer(t *testing.T) {
	needTool(t, "lsof")
	enterNamespace(t)
	zoo := start(t, "zoo", asNobody, folder(t))
	require.Equal(t, "ready", zoo.line(t))
	pid := zoo.Process.Pid
	want := lsof(t, pid)

	t.Run("with CAP_SETUID and CAP_SETGID", func(t *testing.T) {
		s := see(t, pid, unix.CAP_SETUID, unix.CAP_SETGID)
		assert.Contains(t, s.Plain, "permission denied", "otherwise this test shows nothing")
		require.Empty(t, s.Error)
		require.Equal(t, want, texts(s.Rows))
		assert.Contains(t, s.Rows[0].User, "nobody")
	})
	for name, capability := range map[string]int{"without CAP_SETUID": unix.CAP_SETGID, "without CAP_SETGID": unix.CAP_SETUID} {
		t.Run(name, func(t *testing.T) {
			s := see(t, pid, capability)
			assert.Empty(t, s.Rows)
			assert.True(t, s.Forbidden)
			assert.Equal(t, fmt.Sprintf("open files of process %d: %s; take on user 65534 and group 65534: operation not permitted",
				pid, s.Plain), s.Error)
		})
	}
	t.Run("with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH", func(t *testing.T) {
		s := see(t, pid, unix.CAP_SYS_PTRACE, unix.CAP_DAC_READ_SEARCH)
		assert.Empty(t, s.Plain)
		require.Equal(t, want, texts(s.Rows))
	})
}

func asNobody(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// see lets an agent with the given capabilities and no others look at a process.
func see(t *testing.T, pid int, capabilities ...int) (s sighting) {
	t.Helper()
	// The bounding set is the thread's, and lost for good: so is the thread.
	runtime.LockOSThread()
	for capability := range unix.CAP_LAST_CAP + 1 {
		if !slices.Contains(capabilities, capability) {
			require.NoError(t, unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0))
		}
	}
	agent := start(t, "agent", nil, fmt.Sprint(pid))
	require.NoError(t, json.NewDecoder(agent.stdout).Decode(&s))
	return s
}

// TestLendThrowsTheThreadAway: while a thread is lent, it alone has the owner's
// IDs; afterwards no thread has them, and the process is what it was.
func TestLendThrowsTheThreadAway(t *testing.T) {
	needRoot(t)
	defer goleak.VerifyNone(t)
	before := dumpable(t)
	var lent string
	require.NoError(t, owner{65534, 65533}.lend(func() { lent = ids("/proc/thread-self/status") }))
	assert.Equal(t, "65534 65533", lent)
	assert.Equal(t, before, dumpable(t))

	require.Equal(t, "0 0", ids("/proc/thread-self/status"))
	deadline := time.Now().Add(20 * time.Second)
	for len(threadsOf("65534 65533")) > 0 {
		require.True(t, time.Now().Before(deadline), "a thread keeps the IDs that were lent")
		time.Sleep(time.Millisecond)
	}
}

func dumpable(t *testing.T) int {
	t.Helper()
	n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	require.NoError(t, err)
	return n
}

func threadsOf(who string) (tasks []int) {
	for _, task := range numbers("/proc/self/task") {
		if ids(fmt.Sprintf("/proc/self/task/%d/status", task)) == who {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

// ids are a thread's file-system user and group.
func ids(path string) string {
	status, _ := os.ReadFile(path)
	var found []string
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 5 && (f[0] == "Uid:" || f[0] == "Gid:") {
			found = append(found, f[4])
		}
	}
	return strings.Join(found, " ")
}
