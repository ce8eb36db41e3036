package files

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// beCrowd opens many connections and stays.
func beCrowd(arguments []string) error {
	n, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	z := zoo{}
	for i := range n {
		z.pair(fmt.Sprintf("127.0.%d.%d:12000", i/250, 1+i%250))
	}
	if z.err != nil {
		return z.err
	}
	return stay()
}

// BenchmarkList looks at a process with 6,000 TCP sockets, by List and by lsof.
func BenchmarkList(b *testing.B) {
	enterNamespace(b)
	crowd := start(b, "crowd", nil, "2000")
	require.Equal(b, "ready", crowd.line(b))
	pid := crowd.Process.Pid

	b.Run("List", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rows, err := List(header, 1, pid)
			require.NoError(b, err)
			require.Greater(b, len(rows), 6000)
		}
	})
	b.Run("lsof", func(b *testing.B) {
		needTool(b, "lsof")
		inside(b, crowd, func() {
			for b.Loop() {
				require.Greater(b, len(lsof(b, pid)), 6000)
			}
		})
	})
}
