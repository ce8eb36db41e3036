package capture

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkLoad sends 100,000 packets a second and reports what was lost.
func BenchmarkLoad(b *testing.B) {
	const perSecond = 100_000
	a, _ := pair(b)
	s := a.sender("wire")
	frame := synFrame(b, 1)
	file, err := os.Create(b.TempDir() + "/load.pcapng")
	require.NoError(b, err)
	defer file.Close()
	c := a.capture(file, Options{})
	started, sent := time.Now(), 0
	b.ResetTimer()
	for sent < b.N {
		due := min(b.N, int(time.Since(started)*perSecond/time.Second))
		for sent < due {
			sent += s.sendMany(frame, due-sent)
		}
		time.Sleep(100 * time.Microsecond)
	}
	b.StopTimer()
	stats, err := c.Close()
	require.NoError(b, err)
	require.Equal(b, b.N, stats.Packets+stats.Dropped)
	b.ReportMetric(float64(stats.Dropped), "dropped")
}

// BenchmarkOpenClose reports what opening and closing take, while the sockets
// themselves are closed behind.
func BenchmarkOpenClose(b *testing.B) {
	a, _ := pair(b)
	a.on(func() {
		found := interfaces(b)
		var opening, closing time.Duration
		for b.Loop() {
			start := time.Now()
			c, err := Open(found, io.Discard, Options{})
			require.NoError(b, err)
			opened := time.Now()
			_, err = c.Close()
			require.NoError(b, err)
			opening += opened.Sub(start)
			closing += time.Since(opened)
		}
		b.ReportMetric(float64(opening.Microseconds())/float64(b.N), "µs/open")
		b.ReportMetric(float64(closing.Microseconds())/float64(b.N), "µs/close")
	})
}
