package netns

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

// The tests below look from outside at processes that have networks: this test
// binary, started as one of the programs here.

// engineProgram wires a lab and starts three programs on it, prints the command
// to enter client1, and stays until it is killed.
func engineProgram([]string) error {
	n, err := Build(context.Background(), star(2), nil)
	if err != nil {
		return err
	}
	for name, args := range map[string][]string{
		"server":  {"client", "echo", "10.12.0.10:12000"},
		"client1": {"sleep", "1000"},
		"client2": {"sh", "-c", "sleep 1000 & sleep 1000"},
	} {
		if _, err := n.Host(name).Start(context.Background(), agent.Program{Args: args, Stdout: os.Stderr, Stderr: os.Stderr}); err != nil {
			return err
		}
	}
	fmt.Println(n.Host("client1").enterCommand())
	select {}
}

// rootlessProgram is what `lab run` is to an ordinary user: it gets what it
// needs, and then does what it is told.
func rootlessProgram(args []string) error {
	if !Privileged() {
		status, err := Rootless()
		if err != nil {
			return err
		}
		os.Exit(status)
	}
	return programs[args[0]](args[1:])
}

// labProgram wires a lab with an echo server, asks it something from a client,
// and has a program report.
func labProgram([]string) error {
	l := star(1)
	n, err := Build(context.Background(), l, nil)
	if err != nil {
		return err
	}
	defer n.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	server, err := n.Host("server").Start(context.Background(), agent.Program{Args: []string{"client", "echo", "10.12.0.10:12000"}, Stdout: w, Stderr: os.Stderr})
	if err != nil {
		return err
	}
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		return err
	}
	for _, args := range [][]string{{"client", "dial", "10.12.0.10:12000"}, {"client", "report"}} {
		p, err := n.Host("client1").Start(context.Background(), agent.Program{Args: args, Stdout: os.Stdout, Stderr: os.Stderr})
		if err != nil {
			return err
		}
		if status, err := p.Wait(); status != 0 || err != nil {
			return fmt.Errorf("%q: status %d, %w", args, status, err)
		}
	}
	if open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", server.PID())); err != nil || len(open) < 4 {
		return fmt.Errorf("the server's open files: %d, %w", len(open), err)
	}
	fmt.Println("uid", os.Getuid(), "pid", os.Getpid())
	return n.Close()
}

// ordinarily is a command that runs one of these programs as an ordinary user.
func ordinarily(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := outside(append([]string{"rootless"}, args...)...)
	if os.Geteuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: agent.UnprivilegedID, Gid: agent.UnprivilegedID}
	}
	return c
}

// outside is a command that runs one of these programs.
func outside(args ...string) *exec.Cmd {
	return &exec.Cmd{
		Path: ownExecutable, Args: append([]string{"lab"}, args...), Dir: "/",
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	}
}

// needsUserNamespaces is for tests that an ordinary user passes.
func needsUserNamespaces(t *testing.T) {
	t.Helper()
	c := ordinarily(t, "true")
	out, err := c.CombinedOutput()
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("this test needs user namespaces for ordinary users: %s", out)
	}
	require.NoError(t, err, "%s", out)
}

// As uid 65534:
//
//	server ── home ── router ── net1 ── client1
func TestRootless(t *testing.T) {
	needsUserNamespaces(t)
	out, err := ordinarily(t, "lab").CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(string(out), "\n")
	require.Regexp(t, `^hello from 10\.12\.0\.74:\d+$`, lines[0])

	var r report
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &r))
	if os.Geteuid() == 0 {
		require.Equal(t, agent.UnprivilegedID, r.UID)
	}
	require.NotZero(t, r.UID)
	require.Equal(t, 1, r.PID)
	require.Equal(t, []string{"/proc/1"}, r.Processes)
	require.Equal(t, []string{"eth0", "lo"}, r.Interfaces)
	require.Equal(t, "client1", r.Hostname)
	require.Empty(t, r.Inherited)
	require.Empty(t, r.Writable)
	requireNoCapabilities(t, r)
	require.Equal(t, fmt.Sprintf("uid %d pid 1", r.UID), lines[2])
}

func TestVersion(t *testing.T) {
	version, err := Engine{}.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "netns", version)
}

// A program that root built for itself runs its programs as another user all
// the same.
func TestOwnProgramIsItsOwners(t *testing.T) {
	nettest.Root(t)
	text, err := os.ReadFile(ownExecutable)
	require.NoError(t, err)
	secret := filepath.Join(t.TempDir(), "lab")
	require.NoError(t, os.WriteFile(secret, text, 0o700))
	c := outside("lab")
	c.Path = secret
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "hello from 10.12.0.74:")
	require.Contains(t, string(out), `"Inherited":null`)
	require.Contains(t, string(out), `"Comm":"client"`)
}

func TestRootlessPassesSignals(t *testing.T) {
	needsUserNamespaces(t)
	all := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT}
	// Under nohup(1), or in a shell's background, this process ignores some of
	// them, and children inherit that; what it catches they do not.
	caught := make(chan os.Signal, len(all))
	for _, s := range all {
		signal.Notify(caught, s)
	}
	defer signal.Stop(caught)
	for _, s := range all {
		t.Run(s.String(), func(t *testing.T) {
			c := ordinarily(t, "count")
			lines := linesOf(t, c)
			require.Equal(t, "ready", <-lines)
			// As the terminal does: to the group, which the inner one is not in.
			require.NoError(t, syscall.Kill(-c.Process.Pid, s))
			require.Equal(t, "got "+s.String(), <-lines)
			require.NoError(t, syscall.Kill(-c.Process.Pid, syscall.SIGTERM))
			require.Equal(t, "got terminated", <-lines)
			var exit *exec.ExitError
			require.ErrorAs(t, c.Wait(), &exit)
			require.Equal(t, 2, exit.ExitCode(), "two signals came, each once")
		})
	}
}

// After kill -9 nothing runs, and so nothing is left, as nothing else holds a
// namespace; as root and rootless.
func TestKilledEngineLeavesNothing(t *testing.T) {
	for name, command := range map[string]func(*testing.T) *exec.Cmd{
		"root":     func(t *testing.T) *exec.Cmd { nettest.Root(t); return outside("engine") },
		"rootless": func(t *testing.T) *exec.Cmd { needsUserNamespaces(t); return ordinarily(t, "engine") },
	} {
		t.Run(name, func(t *testing.T) {
			c := command(t)
			requireEnters(t, c, strings.Fields(<-linesOf(t, c)))
			var processes []int
			eventually(t, func() bool {
				processes = descendants(c.Process.Pid)
				return len(processes) >= 5
			}, "three programs, of which one started two")
			require.NoError(t, c.Process.Kill())
			require.Error(t, c.Wait())
			eventually(t, func() bool { return len(alive(processes)) == 0 }, "all end")
		})
	}
}

// requireEnters runs the command by which a person enters client1, as the user
// whose engine it is.
func requireEnters(t *testing.T, engine *exec.Cmd, command []string) {
	t.Helper()
	if command[0] == "sudo" {
		command = command[1:]
	}
	nettest.Tool(t, command[0])
	nettest.Tool(t, "ip")
	enter := exec.Command(command[0], append(command[1:], "ip", "-brief", "address")...)
	enter.SysProcAttr = &syscall.SysProcAttr{Credential: engine.SysProcAttr.Credential}
	out, err := enter.CombinedOutput()
	require.NoError(t, err, "%q: %s", command, out)
	require.Contains(t, string(out), "10.12.0.74/26")
}

// linesOf starts the command and returns its lines as they come.
func linesOf(t *testing.T, c *exec.Cmd) <-chan string {
	t.Helper()
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	c.Stderr = os.Stderr
	require.NoError(t, c.Start())
	lines := make(chan string)
	done := make(chan struct{})
	t.Cleanup(func() { _ = c.Process.Kill(); close(done) })
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-done:
				return
			}
		}
	}()
	return lines
}

// descendants returns the processes that the process started, and theirs.
func descendants(pid int) []int {
	children := make(map[int][]int)
	for _, p := range allProcesses() {
		if parent := parentOf(p); parent >= 0 {
			children[parent] = append(children[parent], p)
		}
	}
	var all []int
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		all = append(all, children[next[0]]...)
		next = append(next, children[next[0]]...)
	}
	return all
}

// parentOf returns a process's parent, -1 if the process has ended, also if
// nobody has waited for it yet.
func parentOf(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(status), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return -1
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}

func allProcesses() []int {
	var all []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// alive returns those that still run.
func alive(pids []int) []int {
	return slices.DeleteFunc(slices.Clone(pids), func(p int) bool { return parentOf(p) < 0 })
}
