//go:build unix

package echo

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// descriptorsEnv is how many connections the child has descriptors for.
const descriptorsEnv = "FOURTUPLE_ECHO_TEST_DESCRIPTORS"

func init() { children["few descriptors"] = serveWithFewDescriptors }

// serveWithFewDescriptors is a server whose process may open only so many descriptors.
func serveWithFewDescriptors() int {
	connections, err := strconv.Atoi(os.Getenv(descriptorsEnv))
	if err == nil {
		err = leaveDescriptors(1 + connections) // one for the listener
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return ServerMain(ctx, []string{"--address", "127.0.0.1:0", "--json"}, nil, os.Stdout, os.Stderr)
}

// leaveDescriptors lowers RLIMIT_NOFILE (setrlimit(2)) so that this many more can be opened.
func leaveDescriptors(n int) error {
	warm, err := net.Listen("tcp4", "127.0.0.1:0") // the runtime's own descriptors, for polling, exist from here on
	if err != nil {
		return err
	}
	warm.Close()
	var held []*os.File // takes the gaps between descriptors: the limit is on the highest number
	for range 64 {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return err
		}
		held = append(held, file)
	}
	next := held[len(held)-n].Fd()
	for _, file := range held[len(held)-n:] {
		file.Close()
	}
	limit := syscall.Rlimit{Cur: uint64(next) + uint64(n), Max: uint64(next) + uint64(n)}
	held = held[:len(held)-n]
	keep = held
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// keep keeps the child's files from being closed by the garbage collector.
var keep []*os.File

// child is the server in a process of its own.
type child struct {
	*exec.Cmd
	address string
	errors  synced
}

func startChild(t *testing.T, connections int) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0])}
	c.Env = append(os.Environ(), childEnv+"=few descriptors", fmt.Sprintf("%s=%d", descriptorsEnv, connections))
	c.Stderr = &c.errors
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { c.Process.Kill() })

	lines := bufio.NewReader(stdout)
	first, err := lines.ReadBytes('\n')
	require.NoError(t, err, "%v", &c.errors)
	var listening Event
	require.NoError(t, json.Unmarshal(first, &listening))
	c.address = listening.Local.String()
	go io.Copy(io.Discard, lines)
	return c
}

// terminate ends the child the orderly way.
func (c *child) terminate(t *testing.T) {
	t.Helper()
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.NoError(t, c.Wait(), "%v", &c.errors)
}

// visits calls on a server many times at once. Each visitor, once greeted, waits to be released.
func visits(t *testing.T, address string, n int) (greeted chan struct{}, release chan struct{}, all *sync.WaitGroup) {
	greeted, release, all = make(chan struct{}, n), make(chan struct{}), &sync.WaitGroup{}
	for range n {
		conn := dial(t, address)
		all.Go(func() {
			defer conn.Close()
			if !assert.NoError(t, expect(conn, Greeting)) {
				return
			}
			greeted <- struct{}{}
			<-release
			_, err := conn.Write([]byte("hi"))
			assert.NoError(t, err)
			assert.NoError(t, expect(conn, Prefix+"hi"))
		})
	}
	return greeted, release, all
}

func TestServerOutlastsShortageOfDescriptors(t *testing.T) {
	server := startChild(t, 4)
	greeted, release, all := visits(t, server.address, 10)
	require.Eventually(t, func() bool { return strings.Contains(server.errors.String(), "too many open files") },
		patience, 1e6, "the shortage is logged")
	for range 4 {
		<-greeted
	}
	assert.Empty(t, greeted, "there are descriptors for four")
	close(release) // those who leave make room for the others
	all.Wait()
	assert.Len(t, greeted, 6)
	server.terminate(t)
	assert.Equal(t, 1, strings.Count(server.errors.String(), "\n"), "one episode: %v", &server.errors)
}

// The control: with descriptors enough, nobody has to leave and nothing is logged.
func TestServerWithDescriptorsEnough(t *testing.T) {
	server := startChild(t, 20)
	greeted, release, all := visits(t, server.address, 10)
	for range 10 {
		<-greeted
	}
	close(release)
	all.Wait()
	server.terminate(t)
	assert.Empty(t, server.errors.String())
}
