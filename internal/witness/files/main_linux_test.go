package files

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// role names the environment variable by which this test program, started again
// by itself, learns what it is to be.
const role = "FOURTUPLE_FILES_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func(arguments []string) error{"zoo": beZoo, "crowd": beCrowd, "agent": beAgent}
	name := os.Getenv(role)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := roles[name](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// A child is this test program in another role.
type child struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// start starts a child, to be changed by prepare before, and ends it with the
// test: children end when their standard input does.
func start(t testing.TB, name string, prepare func(*exec.Cmd), arguments ...string) child {
	t.Helper()
	c := child{Cmd: exec.Command("/proc/self/exe", arguments...)}
	c.Env = append(os.Environ(), role+"="+name)
	c.Stderr = os.Stderr
	if prepare != nil {
		prepare(c.Cmd)
	}
	var err error
	c.stdin, err = c.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	c.stdout = bufio.NewReader(stdout)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.stdin.Close()
		_ = c.Wait()
	})
	return c
}

// more has the child open one file more.
func (c child) more(t testing.TB) {
	t.Helper()
	_, err := io.WriteString(c.stdin, "\n")
	require.NoError(t, err)
	require.Equal(t, "more", c.line(t))
}

// line waits for a line that the child prints.
func (c child) line(t testing.TB) string {
	t.Helper()
	text, err := c.stdout.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(text)
}

// stay tells the test that all is done and waits for its end. For every line it
// reads it opens one file more.
func stay() error {
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if _, err := unix.Open("/dev/full", unix.O_WRONLY, 0); err != nil {
			return err
		}
		fmt.Println("more")
	}
	return nil
}

// enterNamespace puts the test into a new network namespace of its own, with
// nothing but a loopback interface. The test's thread is never given back: it
// ends with the test, and the namespace with it.
func enterNamespace(t testing.TB) {
	t.Helper()
	needRoot(t)
	runtime.LockOSThread()
	namespace, err := netns.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, namespace.Close()) })
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(lo))
}

// needRoot skips a test that makes namespaces or changes users where that is not
// allowed. CI promises that it is.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("this test makes network namespaces and needs root, which CI promises")
	}
	t.Skip("this test makes network namespaces and needs root")
}

// inside calls do in a child's network namespace, on a thread that is not given
// back: a subtest runs on another thread than its test.
func inside(t testing.TB, c child, do func()) {
	t.Helper()
	runtime.LockOSThread()
	namespace, err := netns.GetFromPid(c.Process.Pid)
	require.NoError(t, err)
	defer namespace.Close()
	require.NoError(t, netns.Set(namespace))
	do()
}
