package sockets

import (
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// BenchmarkTable reads a table of 15,001 sockets on loopback: by Dump, by
// DumpPort choosing two of them, and by the tools.
func BenchmarkTable(b *testing.B) {
	enterNamespace(b)
	namespace, err := netns.Get()
	require.NoError(b, err)
	defer namespace.Close()
	table := open(b)
	const pairs = 7500
	l := newRaw(b, unix.AF_INET).keep().listen("127.0.0.1:12000", 4096)
	for range pairs {
		newRaw(b, unix.AF_INET).keep().dial("127.0.0.1:12000")
		l.accept().keep()
	}
	rows, err := table.Dump(header, 1)
	require.NoError(b, err)
	require.Len(b, rows, 2*pairs+1)
	i := slices.IndexFunc(rows, func(s evidence.Socket) bool { return s.Remote.Port() == 12000 })
	port := rows[i].Local.Port()

	b.Run("Dump", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := table.Dump(header, 1)
			require.NoError(b, err)
		}
	})
	b.Run("DumpPort", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := table.DumpPort(header, 1, port)
			require.NoError(b, err)
		}
	})
	for _, tool := range [][]string{{"ss", "-Htan"}, {"ss", "-Htan", fmt.Sprint("sport = ", port)}, {"netstat", "-tan"}} {
		b.Run(tool[0]+tool[1], func(b *testing.B) {
			needTool(b, tool[0])
			// A sub-benchmark runs on a thread of its own, which is not given back.
			runtime.LockOSThread()
			require.NoError(b, netns.Set(namespace))
			for b.Loop() {
				require.NoError(b, exec.Command(tool[0], tool[1:]...).Run())
			}
		})
	}
}
