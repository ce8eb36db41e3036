package files

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// FuzzTable reads any text as any table. Of what is found, every TCP socket has
// two endpoints, neither IPv4-mapped, and a state.
func FuzzTable(f *testing.F) {
	a := word(10, 12, 0, 10)
	f.Add(0, titles+line(a+":2EE0", a+":0000", "0A", "42"))
	f.Add(1, titles+line(strings.Repeat(a, 4)+":2EE0", strings.Repeat(a, 4)+":0000", "01", "42"))
	f.Add(2, "titles\n0: 00000002 00000000 00010000 0001 01    42 /run/docker.sock\n")
	f.Add(5, "titles\n0 4   1363       00000000 0        0        0     2        0        42\n")
	f.Add(6, "titles\n0 3      3    0003   1     1 0      0      42\n")
	f.Fuzz(func(t *testing.T, number int, content string) {
		table := tables[uint(number)%uint(len(tables))]
		_ = table.read(strings.NewReader(content), func(uint64) bool { return true }, func(inode uint64, s socket) {
			require.NotZero(t, inode)
			require.NotEmpty(t, s.kind)
			if s.node != "TCP" || !strings.HasPrefix(s.kind, "IPv") {
				return
			}
			require.True(t, s.local.IsValid() && s.remote.IsValid())
			require.False(t, s.local.Addr().Is4In6() || s.remote.Addr().Is4In6())
			require.True(t, strings.HasSuffix(s.name, "("+s.state+")"))
		})
	})
}

// FuzzProcess reads any text as what /proc/PID says of a process.
func FuzzProcess(f *testing.F) {
	f.Add("12 (a) b (c)) Z 7 12 12 0 -1")
	f.Add("Uid:\t0\t0\t0\t0\nGid:\t7\t7\t7\t7\n")
	f.Fuzz(func(t *testing.T, content string) {
		if p, err := parseStat([]byte(content)); err == nil {
			require.GreaterOrEqual(t, p.parent, 0)
			require.LessOrEqual(t, len(printableCommand(p.command)), commandLength)
		}
		if o, err := parseOwner(content); err == nil {
			require.GreaterOrEqual(t, o.uid, 0)
			require.GreaterOrEqual(t, o.gid, 0)
		}
	})
}

// FuzzText reads any text as the other files the walk reads, and prints it.
func FuzzText(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\n")
	f.Add("1: FLOCK  ADVISORY  WRITE 7 fe:10:42 0 EOF\n")
	f.Add("pos:\t0\ntfd:       11 events:       19 data: b\n")
	f.Add("\xff\\\u200b한")
	f.Fuzz(func(t *testing.T, content string) {
		for _, name := range parseUsers(content) {
			require.NotEmpty(t, name)
		}
		for _, letter := range parseLocks(content) {
			require.Contains(t, []string{"r", "R", "w", "W"}, letter)
		}
		require.LessOrEqual(t, len(parseFDInfo(content).targets), mostTargets)
		for _, r := range printable(content) {
			require.True(t, unicode.IsPrint(r))
		}
	})
}
