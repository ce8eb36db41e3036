package capture

import (
	"bytes"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A footprint is what the process takes of the machine.
type footprint struct{ descriptors, threads, goroutines, kilobytes int }

func measure(t testing.TB) footprint {
	t.Helper()
	runtime.GC()
	descriptors, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	number := func(name string) int {
		found := regexp.MustCompile(name + `:\s+(\d+)`).FindSubmatch(status)
		require.NotNil(t, found)
		n, err := strconv.Atoi(string(found[1]))
		require.NoError(t, err)
		return n
	}
	return footprint{len(descriptors), number("Threads"), runtime.NumGoroutine(), number("VmRSS")}
}

func (f footprint) minus(g footprint) footprint {
	return footprint{f.descriptors - g.descriptors, f.threads - g.threads, f.goroutines - g.goroutines, f.kilobytes - g.kilobytes}
}

// openMany captures n hosts at once, sends a packet on each, and returns what
// that takes.
func openMany(t testing.TB, n int) footprint {
	t.Helper()
	hosts, files := make([]host, n), make([]bytes.Buffer, n)
	captures, senders := make([]*Capture, n), make([]sender, n)
	for i := range hosts {
		hosts[i] = newHost(t)
		senders[i] = hosts[i].sender("lo")
	}
	before := measure(t)
	for i, h := range hosts {
		captures[i] = h.capture(&files[i], Options{})
	}
	for i, s := range senders {
		s.send(synFrame(t, uint32(i)))
	}
	for _, c := range captures {
		require.NoError(t, c.Drain())
	}
	taken := measure(t).minus(before)
	var wg sync.WaitGroup
	for _, c := range captures {
		wg.Go(func() {
			_, err := c.Close()
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	for i := range files {
		packets, _ := read(t, files[i].Bytes())
		require.Equal(t, []uint32{uint32(i)}, numbers(packets))
	}
	return taken
}

// A capture that waits takes one descriptor and one goroutine, and no thread.
func TestManyCapturesInOneProcess(t *testing.T) {
	const n = 100
	taken := openMany(t, n)
	t.Logf("%d captures take %+v", n, taken)
	assert.LessOrEqual(t, taken.descriptors, n)
	assert.LessOrEqual(t, taken.goroutines, n)
	assert.Less(t, taken.threads, n/2)
}

func BenchmarkManyCaptures(b *testing.B) {
	taken := openMany(b, b.N)
	b.ReportMetric(float64(taken.threads), "threads")
	b.ReportMetric(float64(taken.descriptors)/float64(b.N), "descriptors/capture")
	b.ReportMetric(float64(taken.kilobytes)/float64(b.N), "kB/capture")
}
