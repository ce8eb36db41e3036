package netns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/nettest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// everything is a lab with all that a host can have.
func everything() *topology.Lab {
	l := chain()
	client, _ := l.Host("client1")
	client.Sysctls = map[string]string{"net.ipv4.conf.eth0.rp_filter": "2", "net.ipv4.ip_default_ttl": "33"}
	return l
}

// The kernel itself refuses something half way.
func TestBuildUndoesWhatTheKernelRefuses(t *testing.T) {
	nettest.Root(t)
	before := remains(t)
	for name, c := range map[string]struct {
		change func(*topology.Lab)
		says   string
	}{
		"a group's MAC": {
			func(l *topology.Lab) { h, _ := l.Host("client1"); h.Links[0].MAC = "01:00:5e:00:00:01" },
			"wire subnet far: attach client1: ",
		},
		"a gateway elsewhere": {
			func(l *topology.Lab) {
				h, _ := l.Host("client2")
				h.Routes[0].Gateway = h.Routes[0].Gateway.Next().Next()
			},
			"wire client2: route 0.0.0.0/0 via 10.12.3.0: network is unreachable",
		},
		"a parameter": {
			func(l *topology.Lab) { h, _ := l.Host("client1"); h.Sysctls["net.ipv4.no_such"] = "1" },
			`wire client1: set net.ipv4.no_such="1": no such file or directory: this kernel has no such parameter for a single host`,
		},
		"a value": {
			func(l *topology.Lab) { h, _ := l.Host("client1"); h.Sysctls["net.ipv4.ip_default_ttl"] = "300" },
			`wire client1: set net.ipv4.ip_default_ttl="300": invalid argument`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := everything()
			c.change(l)
			n, err := Build(t.Context(), l, nil)
			require.Nil(t, n)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, before, remains(t))
		})
	}
}

func TestBuildStopsWhenToldTo(t *testing.T) {
	nettest.Root(t)
	before := remains(t)
	for stop := range 8 {
		ctx, cancel := context.WithCancel(context.Background())
		counted := 0
		_, err := Build(ctx, star(3), func(done, total int) {
			counted++
			require.Equal(t, counted, done)
			require.LessOrEqual(t, done, total)
			if done > stop {
				cancel()
			}
		})
		cancel()
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, before, remains(t))
	}
}

// Networks come and go without leaving descriptors, threads or processes.
func TestRepeatedRunsLeaveNothing(t *testing.T) {
	nettest.Root(t)
	once := func() {
		n, err := Build(t.Context(), everything(), nil)
		require.NoError(t, err)
		for _, name := range []string{"client1", "client2", "server"} {
			_, err := n.Host(name).Start(t.Context(), agent.Program{Args: []string{"sleep", "1000"}})
			require.NoError(t, err)
		}
		require.NoError(t, n.Close())
	}
	once()
	before, threads := remains(t), countThreads(t)
	for range 10 {
		once()
		require.Equal(t, before, remains(t))
	}
	require.Less(t, countThreads(t), threads+10, "not a thread a run")
}

// What a program started ends with it.
func TestProgramEndsWithItsChildren(t *testing.T) {
	n := build(t, star(1))
	p := startProgram(t, n.Host("client1"), agent.Program{Args: []string{"sh", "-c", "sleep 1000 & echo ready; wait"}})
	p.says("ready")
	var children []int
	eventually(t, func() bool { children = descendants(p.PID()); return len(children) == 1 }, "it has a child")
	require.NoError(t, p.Signal(syscall.SIGTERM))
	p.ends(128 + 15)
	eventually(t, func() bool { return len(alive(children)) == 0 }, "its child ends")
}

func TestCloseEndsPrograms(t *testing.T) {
	nettest.Root(t)
	n, err := Build(t.Context(), star(1), nil)
	require.NoError(t, err)
	p, err := n.Host("client1").Start(t.Context(), agent.Program{Args: []string{"sleep", "1000"}})
	require.NoError(t, err)
	require.Len(t, alive([]int{p.PID()}), 1)
	require.NoError(t, n.Close())
	require.Empty(t, alive([]int{p.PID()}))
	status, err := p.Wait()
	require.NoError(t, err)
	require.Equal(t, 128+9, status)

	require.NoError(t, n.Close(), "twice is no error")
	require.ErrorIs(t, n.Host("client1").Do(func() error { return nil }), errClosed)
	_, err = n.Host("client1").Start(t.Context(), agent.Program{Args: []string{"true"}})
	require.ErrorIs(t, err, errClosed)
}

// Close while others start programs: each is refused or ended.
func TestCloseWhileStarting(t *testing.T) {
	nettest.Root(t)
	before := remains(t)
	n, err := Build(t.Context(), star(2), nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	first := make(chan struct{})
	var once sync.Once
	for _, name := range []string{"client1", "client2", "server"} {
		all.Go(func() {
			for {
				p, err := n.Host(name).Start(t.Context(), agent.Program{Args: []string{"sleep", "1000"}})
				once.Do(func() { close(first) })
				if err != nil {
					return
				}
				_ = p
			}
		})
	}
	<-first
	require.NoError(t, n.Close())
	all.Wait()
	require.Equal(t, before, remains(t))
}

// A thread that cannot go back is never used again.
func TestLostThreadIsThrownAway(t *testing.T) {
	nettest.Root(t)
	lost := 0
	err := onThread(func() error {
		lost = unix.Gettid()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		// Privileges are a thread's own: without them it cannot go anywhere.
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		return unix.Capset(&head, &none[0])
	})
	require.ErrorIs(t, err, unix.EPERM)
	require.NotEqual(t, unix.Getpid(), lost)
	eventually(t, func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", lost))
		return errors.Is(err, os.ErrNotExist)
	}, "the thread ends")
	require.Empty(t, strayThreads(t))
}

func TestDoBringsTheThreadBack(t *testing.T) {
	n := build(t, star(1))
	require.ErrorIs(t, n.Host("client1").Do(func() error { return io.EOF }), io.EOF)
	require.Empty(t, strayThreads(t))
	// A function that ends its goroutine, as a failing test does, is no harm.
	require.ErrorContains(t, n.Host("client1").Do(func() error { runtime.Goexit(); return nil }), "ended its goroutine")
	require.Empty(t, strayThreads(t))
	require.NoError(t, n.Host("client1").Do(func() error {
		require.Len(t, strayThreads(t), 1, "the question can be answered")
		return nil
	}))
}

// remains is what a network could leave behind in this process and in the
// machine's namespace.
func remains(t *testing.T) string {
	t.Helper()
	var fds []string
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "anon_inode:[event") { // the runtime's own
			fds = append(fds, to)
		}
	}
	return fmt.Sprintf("descriptors %q, %d processes, threads %v, links %s",
		fds, len(descendants(os.Getpid())), strayThreads(t), links(t))
}

// strayThreads returns this process's threads in other network namespaces than
// the process was started in.
func strayThreads(t *testing.T) []string {
	t.Helper()
	home, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	var stray []string
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, task := range tasks {
		if at, err := os.Readlink("/proc/self/task/" + task.Name() + "/ns/net"); err == nil && at != home {
			stray = append(stray, task.Name())
		}
	}
	return stray
}

func countThreads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	return len(tasks)
}

// ours matches the names that a network's interfaces have. Others on the
// machine come and go meanwhile.
var ours = regexp.MustCompile(`^(eth[0-9]+|br[0-9]+(p[0-9]+)?)$`)

// links names such interfaces of the calling thread's namespace.
func links(t *testing.T) string {
	t.Helper()
	all, err := net.Interfaces()
	require.NoError(t, err)
	var names []string
	for _, i := range all {
		if ours.MatchString(i.Name) {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
