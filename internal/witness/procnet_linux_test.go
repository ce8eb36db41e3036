package witness

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

const (
	titles = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	// What Linux 6.18 on amd64 says of a listener and of its client.
	listening = "   0: 0100007F:2EE0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0\n"
	mapped    = "   1: 0000000000000000FFFF00000A000C0A:2EE0 0000000000000000FFFF00000A010C0A:9C40 01 00000000:00000000 00:00000000 00000000 65534 0 4712 1 0\n"
)

func TestReadProcNet(t *testing.T) {
	wanted, found := map[uint64]bool{4711: true, 4712: true, 4713: true}, map[uint64]procNetRow{}
	require.NoError(t, readProcNet([]byte(titles+listening+mapped), wanted, found))
	assert.Equal(t, map[uint64]procNetRow{
		4711: {netip.MustParseAddrPort("127.0.0.1:12000"), netip.MustParseAddrPort("0.0.0.0:0"), evidence.Listen},
		4712: {netip.MustParseAddrPort("10.12.0.10:12000"), netip.MustParseAddrPort("10.12.1.10:40000"), evidence.Established},
	}, found)
	assert.Equal(t, map[uint64]bool{4713: true}, wanted)
}

func TestReadProcNetRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"line":     {" 4711 1 0000000000000000 100 0 0 10 0", ""},
		"inode":    {"4711", "4711x"},
		"address":  {"0100007F", "01000G7F"},
		"length":   {"0100007F", "01007F"},
		"port":     {"2EE0", "12EE0"},
		"no port":  {"0100007F:2EE0", "0100007F"},
		"state":    {" 0A ", " 0D "},
		"no state": {" 0A ", " xx "},
	} {
		t.Run(name, func(t *testing.T) {
			table := titles + strings.Replace(listening, change[0], change[1], 1)
			assert.Error(t, readProcNet([]byte(table), map[uint64]bool{4711: true}, map[uint64]procNetRow{}))
		})
	}
}

func FuzzReadProcNet(f *testing.F) {
	f.Add([]byte(titles + listening + mapped))
	f.Fuzz(func(t *testing.T, table []byte) {
		found := map[uint64]procNetRow{}
		if readProcNet(table, map[uint64]bool{4711: true, 4712: true}, found) != nil {
			return
		}
		for _, p := range found {
			assert.True(t, p.local.IsValid() && p.remote.IsValid())
			assert.False(t, p.local.Addr().Is4In6() || p.remote.Addr().Is4In6())
			assert.NotEmpty(t, p.state)
		}
	})
}

func FuzzParseCommand(f *testing.F) {
	f.Add("4711 (a ) b) S 1 4711 4711 0 -1")
	f.Add("4711 (true) Z 1 4711")
	f.Fuzz(func(t *testing.T, line string) {
		if command, err := parseCommand(line); err == nil {
			assert.Contains(t, line, "("+command+") ")
		}
	})
}
