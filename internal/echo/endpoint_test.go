package echo

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSource(t *testing.T) {
	for text, want := range map[string]netip.AddrPort{
		"10.12.1.10:40992":        netip.MustParseAddrPort("10.12.1.10:40992"),
		"10.12.1.10":              netip.MustParseAddrPort("10.12.1.10:0"),
		"10.12.1.10:0":            netip.MustParseAddrPort("10.12.1.10:0"),
		":40992":                  netip.AddrPortFrom(netip.Addr{}, 40992),
		"::1":                     netip.MustParseAddrPort("[::1]:0"),
		"[::1]:5":                 netip.MustParseAddrPort("[::1]:5"),
		"[::ffff:10.12.1.10]:123": netip.MustParseAddrPort("10.12.1.10:123"),
	} {
		got, err := parseSource(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "localhost:1", "10.12.1.10:", "10.12.1.10:x", ":65536", ":-1", "10.12.1:1", "[::1", "1.2.3.4:5:6"} {
		_, err := parseSource(text)
		assert.Error(t, err, text)
	}
}

func TestCheckAddress(t *testing.T) {
	for text, want := range map[string]struct{ listener, server bool }{
		":12000":          {true, false},
		"10.12.0.10:0":    {true, false},
		"server:12000":    {true, true},
		"[::1]:12000":     {true, true},
		"server":          {false, false},
		"server:":         {false, false},
		"server:http":     {false, false},
		"server:65536":    {false, false},
		"::1:12000":       {false, false},
		"":                {false, false},
		"server:12000:13": {false, false},
	} {
		assert.Equal(t, want.listener, checkAddress(text, true) == nil, text)
		assert.Equal(t, want.server, checkAddress(text, false) == nil, text)
	}
}

// FuzzParseSource: what is accepted means the same when it is written out and read again.
func FuzzParseSource(f *testing.F) {
	for _, seed := range []string{"10.12.1.10:40992", ":1", "::1", "[fe80::1%eth0]:2", "[::ffff:1.2.3.4]:5", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		source, err := parseSource(text)
		if err != nil {
			return
		}
		again, err := parseSource(sourceText(source))
		require.NoError(t, err)
		assert.Equal(t, source, again)
	})
}
