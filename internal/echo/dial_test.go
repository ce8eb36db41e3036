package echo

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// freeAddress is a loopback address where nobody listens. Its port is below those that kernels choose
// themselves (from 32768 on in Linux, from 49152 on elsewhere), so that nobody gets it by chance.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := 20_000 + rand.IntN(10_000)
		listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			listener.Close()
			return listener.Addr().String()
		}
	}
	require.FailNow(t, "no free port")
	return ""
}

func TestDialOnce(t *testing.T) {
	address := freeAddress(t)
	var seen watched
	_, err := (&Client{Record: seen.record}).Dial(t.Context(), address)
	var connect *ConnectError
	require.ErrorAs(t, err, &connect)
	assert.Equal(t, address, connect.Address)
	assert.Zero(t, connect.Tried)
	assert.Contains(t, err.Error(), "connect to "+address+": ")
	assert.Contains(t, err.Error(), "refused")
	assert.Equal(t, "failed", seen.names())
	assert.Equal(t, err.Error(), seen.named(Failed)[0].Error)
}

func TestDialTriesUntilTimeIsUp(t *testing.T) {
	address := freeAddress(t)
	began := time.Now()
	_, err := (&Client{Retry: 300 * time.Millisecond}).Dial(t.Context(), address)
	assert.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "refused")
	assert.Contains(t, err.Error(), ", tried for 300ms")
}

func TestDialWaitsForServer(t *testing.T) {
	address := freeAddress(t)
	dialled := make(chan error, 1)
	go func() {
		session, err := (&Client{Retry: patience}).Dial(t.Context(), address)
		if err == nil {
			err = session.Close()
		}
		dialled <- err
	}()
	time.Sleep(2 * firstRetry) // most likely a refused attempt or two; the test is right without
	listener, err := Listen(t.Context(), address)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- (&Server{}).Serve(ctx, listener) }()
	require.NoError(t, <-dialled)
	cancel()
	require.NoError(t, <-served)
}

func TestDialIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(firstRetry, cancel)
	address := freeAddress(t)
	_, err := (&Client{Retry: time.Hour}).Dial(ctx, address)
	assert.EqualError(t, err, "connect to "+address+": interrupted")
}

// Mistakes that time does not mend are told at once, however long the client may retry.
func TestDialTellsMistakesAtOnce(t *testing.T) {
	server := start(t, Server{})
	for name, c := range map[string]struct{ address, source, want string }{
		// The host is no name by any resolver's rules: nothing has to be asked.
		"no such host":        {"no_such..host:12000", "", "no such host"},
		"not our address":     {server.address, "192.0.2.77:0", " from 192.0.2.77:0: "},
		"of another family":   {server.address, "[::1]:0", " from [::1]:0: "},
		"no address in scope": {"[fe80::1%nosuchinterface]:12000", "", "connect to [fe80::1%nosuchinterface]:12000: "},
	} {
		t.Run(name, func(t *testing.T) {
			client := Client{Retry: time.Hour, Timeout: patience}
			if c.source != "" {
				client.Source = netip.MustParseAddrPort(c.source)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := client.Dial(ctx, c.address)
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "interrupted")
			assert.NotContains(t, err.Error(), "tried for")
		})
	}
}

func TestSourceIsUsed(t *testing.T) {
	server := start(t, Server{})
	free := netip.MustParseAddrPort(freeAddress(t))
	for i, source := range []netip.AddrPort{
		free,
		netip.AddrPortFrom(free.Addr(), 0),
		netip.AddrPortFrom(netip.Addr{}, free.Port()+1000),
	} {
		session, err := (&Client{Source: source, Retry: patience}).Dial(t.Context(), server.address)
		require.NoError(t, err)
		remote := server.wait(t, Accepted, i+1).Remote
		assert.Equal(t, session.Local(), remote)
		if source.Addr().IsValid() {
			assert.Equal(t, source.Addr(), remote.Addr())
		}
		if source.Port() != 0 {
			assert.Equal(t, source.Port(), remote.Port())
		}
		require.NoError(t, session.Close())
	}
}
