package files

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

const titles = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

// word writes 32 bits as /proc/net does on this machine.
func word(a, b, c, d byte) string {
	const digits = "0123456789ABCDEF"
	n := binary.NativeEndian.Uint32([]byte{a, b, c, d})
	var text strings.Builder
	for shift := 28; shift >= 0; shift -= 4 {
		text.WriteByte(digits[n>>shift&15])
	}
	return text.String()
}

func line(local, remote, state, inode string) string {
	return "   7: " + local + " " + remote + " " + state +
		" 00000000:00000005 00:00000000 00000000 65534        0 " + inode + " 1 0000000003e87b99 100 0 0 10 0\n"
}

func TestTCP(t *testing.T) {
	server, client, any4 := word(10, 12, 0, 10), word(10, 12, 1, 10), word(0, 0, 0, 0)
	any6 := strings.Repeat(any4, 4)
	one6 := word(0, 0, 0, 0) + word(0, 0, 0, 0) + word(0, 0, 0, 0) + word(0, 0, 0, 1)
	mapped := word(0, 0, 0, 0) + word(0, 0, 0, 0) + word(0, 0, 0xff, 0xff)
	for name, c := range map[string]struct {
		table         int
		line          string
		text          string
		local, remote string
		state         string
	}{
		"listener": {0, line(server+":2EE0", any4+":0000", "0A", "42"), "10.12.0.10:12000 (LISTEN)", "10.12.0.10:12000", "0.0.0.0:0", evidence.Listen},
		"any":      {0, line(any4+":2EE0", any4+":0000", "0A", "42"), "*:12000 (LISTEN)", "0.0.0.0:12000", "0.0.0.0:0", evidence.Listen},
		"connection": {
			0, line(server+":2EE0", client+":A020", "01", "42"), "10.12.0.10:12000->10.12.1.10:40992 (ESTABLISHED)",
			"10.12.0.10:12000", "10.12.1.10:40992", evidence.Established,
		},
		"any, IPv6":      {1, line(any6+":2EE0", any6+":0000", "0A", "42"), "*:12000 (LISTEN)", "[::]:12000", "[::]:0", evidence.Listen},
		"IPv6":           {1, line(one6+":2EE0", one6+":0001", "08", "42"), "[::1]:12000->[::1]:1 (CLOSE_WAIT)", "[::1]:12000", "[::1]:1", evidence.CloseWait},
		"mapped":         {1, line(mapped+server+":2EE0", mapped+client+":0001", "05", "42"), "10.12.0.10:12000->10.12.1.10:1 (FIN_WAIT2)", "10.12.0.10:12000", "10.12.1.10:1", evidence.FinWait2},
		"mapped, listen": {1, line(mapped+server+":2EE0", any6+":0000", "0A", "42"), "10.12.0.10:12000 (LISTEN)", "10.12.0.10:12000", "[::]:0", evidence.Listen},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := readOne(tables[c.table], titles+c.line)
			require.NoError(t, err)
			var f evidence.File
			s.describe(&f)
			assert.Equal(t, evidence.File{
				Type: []string{"IPv4", "IPv6"}[c.table], Device: "42", SizeOff: "0t0", Node: "TCP", Name: c.text,
				Local: netip.MustParseAddrPort(c.local), Remote: netip.MustParseAddrPort(c.remote), State: c.state,
			}, f)
		})
	}
}

// readOne reads the socket with inode 42 from a table.
func readOne(t table, content string) (found socket, err error) {
	err = t.read(strings.NewReader(content), func(inode uint64) bool { return inode == 42 }, func(_ uint64, s socket) { found = s })
	return found, err
}

func TestTableErrors(t *testing.T) {
	a := word(10, 12, 0, 10)
	for content, want := range map[string]string{
		line(a+":2EE0", a+":0000", "0D", "42"):    `line 2 of table tcp: tcp state "0D" is unknown`,
		line(a+":2EE0", a+":0000", "00", "42"):    `line 2 of table tcp: tcp state "00" is unknown`,
		line(a+":2EE", a+":0000", "01", "42"):     `line 2 of table tcp: endpoint "` + a + `:2EE" is malformed`,
		line(a+":2EE0", a[1:]+":00", "01", "42"):  `line 2 of table tcp: endpoint "` + a[1:] + `:00" is malformed`,
		line(a[:7]+"G:2EE0", a+":", "01", "42"):   `line 2 of table tcp: endpoint "` + a[:7] + `G:2EE0" is malformed`,
		line(a+":2EE0", a+":0000", "01", "inode"): `line 2 of table tcp: inode "inode" is no number`,
		"  0: 0100007F:2EE0\n":                    `line 2 of table tcp is cut short`,
	} {
		_, err := readOne(tables[0], titles+content)
		assert.EqualError(t, err, want)
	}
	for _, content := range []string{"", titles, titles + line(a+":2EE0", a+":0000", "01", "41"), titles + line(a+":2EE0", a+":0000", "06", "0")} {
		s, err := readOne(tables[0], content)
		require.NoError(t, err)
		assert.Empty(t, s.name, "a socket nobody asked for")
	}
}

func TestOtherTables(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want socket
	}{
		"unix": {
			"00000000ca5575ab: 00000002 00000000 00010000 0001 01    42 /run/docker.sock",
			socket{kind: "unix", device: "0x00000000ca5575ab", node: "42", name: "/run/docker.sock type=STREAM (LISTEN)"},
		},
		"netlink": {
			"00000000a70d5ec5 4   1363       00000000 0        0        0     2        0        42",
			socket{kind: "netlink", node: "42", name: "INET_DIAG"},
		},
		"packet": {
			"0000000017c48c3f 3      3    0003   1     1 0      0      42",
			socket{kind: "pack", device: "42", node: "ALL", name: "type=SOCK_RAW"},
		},
		"raw": {
			"   1: 00000000:0006 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 42 2 0000000000000000 0",
			socket{kind: "raw", node: "42", name: "00000000:0006->00000000:0000 st=07"},
		},
		"icmp": {
			"   1: 00000000:0006 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 42 2 0000000000000000 0",
			socket{kind: "icmp", node: "42", name: "00000000:0006->00000000:0000"},
		},
	} {
		for _, table := range tables {
			if table.file == name {
				s, err := readOne(table, "titles\n"+c.line+"\n")
				require.NoError(t, err)
				assert.Equal(t, c.want, s)
			}
		}
	}
	_, err := parseUnix(split(nil, []byte("a: 2 0 x 1 1 42")))
	require.ErrorContains(t, err, "malformed")
	_, err = parseNetlink(split(nil, []byte("a x")))
	require.ErrorContains(t, err, "no number")
	_, err = parsePacket(split(nil, []byte("a 3 3 x 1 1 0 0 42")))
	require.ErrorContains(t, err, "malformed")
	assert.Equal(t, "unknown protocol: 17", must(parseNetlink(split(nil, []byte("a 17 0 0 0 0 0 0 0 42")))).name)
	assert.Equal(t, "type=unknown", must(parsePacket(split(nil, []byte("a 3 9 0003 1 1 0 0 42")))).name)
}

func must(s socket, err error) socket {
	if err != nil {
		panic(err)
	}
	return s
}
