package echo

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFamily(t *testing.T) {
	for address, want := range map[string]string{
		":12000": "tcp4", "0.0.0.0:12000": "tcp4", "localhost:0": "tcp4", "10.12.0.10:1": "tcp4", "": "tcp4",
		"[::]:12000": "tcp", "[::1]:0": "tcp", "[fe80::1%eth0]:0": "tcp",
	} {
		assert.Equal(t, want, family(address), address)
	}
}

func TestListenIsIPv4ByDefault(t *testing.T) {
	listener, err := Listen(t.Context(), ":0")
	require.NoError(t, err)
	defer listener.Close()
	assert.Equal(t, netip.IPv4Unspecified(), endpointOf(listener.Addr()).Addr())

	// Package net by itself takes the IPv6 address, where there is IPv6.
	plain, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer plain.Close()
	if probe, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		probe.Close()
		assert.Equal(t, netip.IPv6Unspecified(), endpointOf(plain.Addr()).Addr())
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, err = Listen(t.Context(), taken.Addr().String())
	assert.EqualError(t, err, "listen on "+taken.Addr().String()+": another program already listens there")

	// 192.0.2.1 is an example address (RFC 5737). Should a machine have it, the port is no valid one.
	_, err = Listen(t.Context(), "192.0.2.1:99999")
	var listen *ListenError
	require.ErrorAs(t, err, &listen)
	assert.False(t, isInUse(err))
}

func TestServerPrintsMappedAddressesAsIPv4(t *testing.T) {
	mapped := &net.TCPAddr{IP: net.ParseIP("::ffff:10.12.0.10"), Port: 12000}
	assert.Equal(t, "10.12.0.10:12000", endpointOf(mapped).String())
	assert.Equal(t, "[::1]:12000", endpointOf(&net.TCPAddr{IP: net.IPv6loopback, Port: 12000}).String())
	assert.False(t, endpointOf(&net.UnixAddr{}).IsValid())
}
