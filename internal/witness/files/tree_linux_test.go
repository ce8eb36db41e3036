package files

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// startFamily starts a shell that has two children, one of which has one itself. All
// of them end with the test.
func startFamily(t *testing.T) int {
	t.Helper()
	c := exec.Command("sh", "-c", "sleep 600 & (sleep 600; true) & wait")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		require.NoError(t, unix.Kill(-c.Process.Pid, unix.SIGKILL))
		_ = c.Wait()
	})
	return c.Process.Pid
}

func TestTreeEqualsLsof(t *testing.T) {
	needTool(t, "lsof")
	pid := startFamily(t)
	pids := append(waitForDescendants(t, pid, 3), pid)

	rows, err := Tree(header, 1, pid)
	require.NoError(t, err)
	require.Equal(t, lsof(t, pids...), texts(rows))
	var commands []string
	for _, row := range rows {
		commands = append(commands, row.Command)
	}
	assert.Equal(t, []string{"sh", "sleep"}, slices.Compact(slices.Sorted(slices.Values(commands))))

	// The control: one process alone is not its tree.
	alone, err := List(header, 1, pid)
	require.NoError(t, err)
	require.Less(t, len(alone), len(rows))
}

func waitForDescendants(t *testing.T, pid, n int) []int {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		found := descendants(pid)
		sleeping := 0
		for _, child := range found {
			if content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child)); err == nil {
				if p, _ := parseStat(content); p.command == "sleep" {
					sleeping++
				}
			}
		}
		if len(found) == n && sleeping == 2 {
			return found
		}
		require.True(t, time.Now().Before(deadline), "descendants: %v", found)
		time.Sleep(time.Millisecond)
	}
}

// TestChildrenByBothWays: the kernel's list of children, and the search for
// them, agree; a process without children has none.
func TestChildrenByBothWays(t *testing.T) {
	pid := startFamily(t)
	found := waitForDescendants(t, pid, 3)
	assert.Len(t, childrenByThread(pid), 2)
	assert.Equal(t, childrenByParent(pid), childrenByThread(pid))
	for _, child := range found {
		assert.Equal(t, childrenByParent(child), childrenByThread(child))
		assert.NotContains(t, childrenByThread(child), pid)
	}
}

func TestGone(t *testing.T) {
	c := exec.Command("true")
	require.NoError(t, c.Start())
	pid := c.Process.Pid
	waitForZombie(t, pid)
	assertGone(t, pid)
	require.NoError(t, c.Wait())
	assertGone(t, pid)
}

func assertGone(t *testing.T, pid int) {
	t.Helper()
	rows, err := List(header, 1, pid)
	require.ErrorIs(t, err, ErrGone)
	assert.Empty(t, rows)
	rows, err = Tree(header, 1, pid)
	require.ErrorIs(t, err, ErrGone)
	assert.ErrorContains(t, err, ": no such process")
	assert.Empty(t, rows)
}

func waitForZombie(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		require.NoError(t, err)
		p, err := parseStat(content)
		require.NoError(t, err)
		if p.ended() {
			return
		}
		require.True(t, time.Now().Before(deadline), "process %d does not end", pid)
		time.Sleep(time.Millisecond)
	}
}

// TestComingAndGoing looks at a tree whose processes, files and sockets come and
// go under the walk. Nothing of that is an error.
func TestComingAndGoing(t *testing.T) {
	stop := make(chan struct{})
	done := make(chan error, 2)
	go func() { done <- untilStopped(stop, func() error { return exec.Command("true").Run() }) }()
	go func() { done <- untilStopped(stop, openAndClose) }()

	for range 20 {
		rows, err := Tree(header, 1, os.Getpid())
		assert.NoError(t, err)
		assert.NotEmpty(t, rows)
		for _, row := range rows {
			assert.NotEmpty(t, row.Type)
			assert.NotEmpty(t, row.Name)
		}
	}
	close(stop)
	require.NoError(t, errors.Join(<-done, <-done))
}

func untilStopped(stop <-chan struct{}, do func() error) error {
	for {
		select {
		case <-stop:
			return nil
		default:
			if err := do(); err != nil {
				return err
			}
		}
	}
}

func openAndClose() error {
	z := zoo{}
	l := z.listen("127.0.0.1:0", 1)
	u := z.keep(unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0))
	n := z.keep(unix.Open("/dev/null", unix.O_RDONLY, 0))
	z.check(errors.Join(unix.Close(l), unix.Close(u), unix.Close(n)))
	return z.err
}
