package echo

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// protocolOf is a socket's SO_PROTOCOL (socket(7)).
func protocolOf(t *testing.T, listener net.Listener) int {
	t.Helper()
	file, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	defer file.Close()
	protocol, err := unix.GetsockoptInt(int(file.Fd()), unix.SOL_SOCKET, unix.SO_PROTOCOL)
	require.NoError(t, err)
	return protocol
}

func TestListenMakesASocketOfPlainTCP(t *testing.T) {
	listener, err := listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	assert.Equal(t, unix.IPPROTO_TCP, protocolOf(t, listener))

	// The control: package net by itself makes one of Multipath TCP, where the
	// kernel has it.
	plain, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer plain.Close()
	if enabled, err := os.ReadFile("/proc/sys/net/mptcp/enabled"); err == nil && strings.TrimSpace(string(enabled)) == "1" {
		assert.Equal(t, unix.IPPROTO_MPTCP, protocolOf(t, plain))
	}
}
