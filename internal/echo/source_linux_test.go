package echo

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The side that closes first, the client, keeps its endpoint in TIME_WAIT for a minute (tcp(7)).
func TestSourceCanBeUsedAgainAtOnce(t *testing.T) {
	server := start(t, Server{})
	source := netip.MustParseAddrPort(freeAddress(t))
	client := Client{Source: source, Retry: patience, Timeout: patience}
	for i := range 3 {
		require.NoError(t, client.Run(t.Context(), server.address, Script{Messages: []string{"again"}}))
		assert.Equal(t, source, server.wait(t, Accepted, i+1).Remote)
	}

	// The control: without SO_REUSEADDR the endpoint cannot be had now.
	plain := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(source)}
	conn, err := plain.Dial("tcp", server.address)
	if err == nil {
		conn.Close()
	}
	require.Error(t, err)
	assert.True(t, isInUse(err), err)
}
