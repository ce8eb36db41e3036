package nettest_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/nettest"
)

// TestConnect: bytes cross the wire, by either family, and the test itself is
// in neither namespace.
//
//	a: eth0 10.12.1.1, fd12::1 ──── 10.12.1.2, fd12::2 eth0 :b
func TestConnect(t *testing.T) {
	a, b := nettest.New(t), nettest.New(t)
	nameA, nameB := nettest.Connect(t, a, b, "10.12.1.1/24", "10.12.1.2/24")
	a.AddAddress(t, nameA, "fd12::1/64")
	b.AddAddress(t, nameB, "fd12::2/64")
	for _, address := range []string{"10.12.1.2:12000", "[fd12::2]:12000"} {
		var l net.Listener
		b.Do(t, func() {
			var err error
			l, err = net.Listen("tcp", address)
			require.NoError(t, err)
		})
		defer l.Close()
		a.Do(t, func() {
			c, err := net.Dial("tcp", address)
			require.NoError(t, err)
			require.NoError(t, c.Close())
		})
		c, err := l.Accept()
		require.NoError(t, err)
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		assert.Empty(t, got)
		c.Close()
	}
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range addresses {
		assert.False(t, strings.HasPrefix(address.String(), "10.12.1."), address)
	}
}

func TestCommandRunsInside(t *testing.T) {
	a, b := nettest.New(t), nettest.New(t)
	name, _ := nettest.Connect(t, a, b, "10.12.1.1/24", "10.12.1.2/24")
	assert.Equal(t, "eth0", name)
	assert.Contains(t, a.Output(t, "ip", "-br", "addr"), "10.12.1.1/24")
	assert.NotContains(t, b.Output(t, "ip", "-br", "addr"), "10.12.1.1/24")
}
