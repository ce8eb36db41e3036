package witness

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fourtuple/fourtuple/internal/nettest"
)

// role names the environment variable by which this test program, started once
// more by itself, learns what it is to do.
const role = "FOURTUPLE_WITNESS_TEST"

func init() {
	if os.Getenv(role) == "ending" {
		runtime.LockOSThread() // the main thread, which is to end
	}
}

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		goleak.VerifyTestMain(m)
	case "open":
		openOneOfEach()
	case "ending":
		endMainThread()
	case "look":
		lookAt(os.Args[1])
	}
}

// startSelf starts this test program in a namespace, in another role.
func startSelf(t *testing.T, n *nettest.Namespace, as string, change func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := n.Command(self)
	c.Env = append(os.Environ(), role+"="+as)
	c.Stderr = os.Stderr
	if change != nil {
		change(c)
	}
	stdin, err := c.StdinPipe() // its end ends the program
	require.NoError(t, err)
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		assert.NoError(t, c.Wait())
	})
	ready := make([]byte, len("ready"))
	_, err = io.ReadFull(stdout, ready)
	require.NoError(t, err)
	return c
}

// eventually waits for what happens elsewhere.
func eventually(t *testing.T, f func() bool, what string) {
	t.Helper()
	require.Eventually(t, f, 20*time.Second, 2*time.Millisecond, what)
}

func TestInterfacesAgreeWithIP(t *testing.T) {
	a, b := nettest.New(t), nettest.New(t)
	eth0, _ := nettest.Connect(t, a, b, "10.12.1.1/24", "10.12.1.2/24")
	a.AddAddress(t, eth0, "fd12::1/64")
	want := a.Output(t, "ip", "-br", "address")
	a.Do(t, func() {
		found, err := Interfaces()
		require.NoError(t, err)
		require.Len(t, found, 2)
		assert.Equal(t, "lo", found[0].Name)
		assert.Equal(t, 65536, found[0].MTU)
		assert.Equal(t, eth0, found[1].Name)
		assert.Len(t, found[1].MAC, len("02:00:00:00:00:01"))
		assert.Equal(t, 1500, found[1].MTU)
		assert.Less(t, found[0].Index, found[1].Index)
		for _, i := range found {
			assert.NotEmpty(t, i.Addresses)
			for _, address := range i.Addresses {
				assert.Contains(t, want, address.String())
			}
		}
		assert.GreaterOrEqual(t, len(found[1].Addresses), 2)
	})
}
