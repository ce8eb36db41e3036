package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func numbers(packets []evidence.Packet) []uint32 {
	var n []uint32
	for _, p := range packets {
		n = append(n, p.Seq)
	}
	return n
}

func upTo(n uint32) []uint32 {
	var all []uint32
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestOnlyWhatPassesAfterOpen(t *testing.T) {
	a, _ := pair(t)
	s := a.sender("wire")
	s.send(synFrame(t, 1))
	var file bytes.Buffer
	c := a.capture(&file, Options{})
	s.send(synFrame(t, 2))
	stats, err := c.Close()
	require.NoError(t, err)
	s.send(synFrame(t, 3))
	packets, info := read(t, file.Bytes())
	assert.Equal(t, []uint32{2}, numbers(packets))
	assert.Equal(t, 1, stats.Packets)
	assert.True(t, info.Closed())
}

// Closing at once must not lose what was sent just before: neither what the
// reader has not woken up for, nor what it is reading.
func TestCloseTakesEverything(t *testing.T) {
	for _, name := range []string{"wire", "lo"} {
		t.Run(name, func(t *testing.T) {
			a, _ := pair(t)
			s := a.sender(name)
			for round := range uint32(300) {
				n := round % 70
				var file bytes.Buffer
				c := a.capture(&file, Options{})
				for i := range n {
					s.send(synFrame(t, i))
				}
				stats, err := c.Close()
				require.NoError(t, err)
				packets, info := read(t, file.Bytes())
				require.Equal(t, upTo(n), numbers(packets), "round %d", round)
				require.Equal(t, int(n), stats.Packets)
				require.Zero(t, stats.Dropped)
				require.True(t, info.Closed())
			}
		})
	}
}

func TestDrainTakesEverything(t *testing.T) {
	a, _ := pair(t)
	s := a.sender("wire")
	var file bytes.Buffer
	c := a.capture(&file, Options{})
	n := uint32(0)
	for round := range uint32(300) {
		for range round % 50 {
			s.send(synFrame(t, n))
			n++
		}
		require.NoError(t, c.Drain())
		c.mu.Lock() // the file is the test's only while the reader cannot write
		written := bytes.Clone(file.Bytes())
		c.mu.Unlock()
		packets, info := read(t, written)
		require.Equal(t, upTo(n), numbers(packets), "round %d", round)
		require.False(t, info.Closed())
	}
	_, err := c.Close()
	require.NoError(t, err)
	require.ErrorIs(t, c.Drain(), ErrClosed)
}

// Every write ends at the end of a block.
func TestEveryWriteIsWholeBlocks(t *testing.T) {
	a, _ := pair(t)
	s := a.sender("wire")
	w := &prefixes{}
	c := a.capture(w, Options{})
	for i := range uint32(2000) {
		s.send(synFrame(t, i))
	}
	_, err := c.Close()
	require.NoError(t, err)
	require.Greater(t, len(w.ends), 2)
	for _, end := range w.ends {
		_, err := evidence.ReadPcapng(bytes.NewReader(w.all.Bytes()[:end]), func(evidence.Packet) error { return nil })
		require.NoError(t, err, "the first %d bytes", end)
	}
	_, err = evidence.ReadPcapng(bytes.NewReader(w.all.Bytes()[:w.ends[1]-1]), func(evidence.Packet) error { return nil })
	require.ErrorIs(t, err, evidence.ErrCutShort)
}

type prefixes struct {
	all  bytes.Buffer
	ends []int
}

func (p *prefixes) Write(b []byte) (int, error) {
	n, err := p.all.Write(b)
	p.ends = append(p.ends, p.all.Len())
	return n, err
}

func TestDirectionsAndInterfaces(t *testing.T) {
	a, b := pair(t)
	var atA, atB bytes.Buffer
	ca, cb := a.capture(&atA, Options{}), b.capture(&atB, Options{})
	talk(t, b.listen("10.12.1.2:0"), a, 3)
	l := a.listen("127.0.0.1:0")
	talk(t, l, a, 3)
	_, err := ca.Close()
	require.NoError(t, err)
	_, err = cb.Close()
	require.NoError(t, err)

	packets, _ := read(t, atA.Bytes())
	var overLoopback []evidence.Packet
	seen := map[string]int{}
	for _, p := range packets {
		seen[p.Interface]++
		if p.Interface == "lo" {
			overLoopback = append(overLoopback, p)
		}
	}
	assert.Contains(t, seen, "wire")
	syns := 0
	for _, p := range overLoopback {
		if p.Flags == evidence.SYN {
			syns++
		}
	}
	assert.Equal(t, 1, syns, "one copy of each packet on lo")
	packets, info := read(t, atB.Bytes())
	assert.Equal(t, seen["wire"], len(packets), "both ends of a wire see the same packets")
	assert.Contains(t, info.Interfaces[1].Description, "10.12.1.2/24")
}

// talk opens a connection to l, sends some lines each way and closes it, and
// returns when both sides have seen the end.
func talk(t testing.TB, l net.Listener, from host, lines int) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() {
		c, err := l.Accept()
		if !assert.NoError(t, err) {
			return
		}
		_, err = io.Copy(c, c)
		assert.NoError(t, err)
		assert.NoError(t, c.Close())
	})
	c := from.dial(l.Addr().String())
	for i := range lines {
		line := fmt.Sprintf("line %d\n", i)
		_, err := io.WriteString(c, line)
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, len(line)))
		require.NoError(t, err)
	}
	require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
	_, err := io.Copy(io.Discard, c)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	wg.Wait()
}

func TestDropsAreCounted(t *testing.T) {
	a, _ := pair(t)
	s := a.sender("wire")
	w := &gate{open: make(chan struct{})}
	c := a.capture(w, Options{Backlog: 64 << 10})
	w.shut()
	const sent = 2000
	for i := range uint32(sent) {
		s.send(synFrame(t, i))
	}
	close(w.open)
	stats, err := c.Close()
	require.NoError(t, err)
	assert.Positive(t, stats.Dropped)
	assert.Equal(t, sent, stats.Packets+stats.Dropped)
	packets, info := read(t, w.all.Bytes())
	assert.Len(t, packets, stats.Packets)
	assert.EqualValues(t, stats.Dropped, info.Dropped())
	assert.Nil(t, info.Interfaces[1].Statistics.Dropped, "only the first tells the number of all")
}

// A gate is a writer that once shut holds every write until it is opened.
type gate struct {
	mu     sync.Mutex
	closed bool
	open   chan struct{}
	all    bytes.Buffer
}

func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
}

func (g *gate) Write(b []byte) (int, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		<-g.open
	}
	return g.all.Write(b)
}

var errFull = errors.New("the disk is full")

// full is a writer that takes the header and nothing else.
type full struct{ writes int }

func (f *full) Write(b []byte) (int, error) {
	if f.writes++; f.writes > 1 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriteErrorsAreTold(t *testing.T) {
	a, _ := pair(t)
	s := a.sender("wire")
	w := &full{}
	c := a.capture(w, Options{})
	require.NoError(t, c.Drain())
	s.send(synFrame(t, 1))
	require.ErrorIs(t, c.Drain(), errFull)
	_, err := c.Close()
	require.ErrorIs(t, err, errFull)
	require.Equal(t, 2, w.writes, "nothing is written after an error")
	_, err = c.Close()
	require.ErrorIs(t, err, ErrClosed)
}

func TestOpenRefuses(t *testing.T) {
	a, _ := pair(t)
	for name, change := range map[string]func([]evidence.Interface) []evidence.Interface{
		"there is no interface":                 func([]evidence.Interface) []evidence.Interface { return nil },
		"interface gone: no such device":        func(i []evidence.Interface) []evidence.Interface { i[0].Name = "gone"; return i },
		"interface lo has index 1, not 7":       func(i []evidence.Interface) []evidence.Interface { i[0].Index = 7; return i },
		`interface "muchtoolongforaname": inva`: func(i []evidence.Interface) []evidence.Interface { i[0].Name = "muchtoolongforaname"; return i },
	} {
		t.Run(name, func(t *testing.T) {
			a.on(func() {
				_, err := Open(change(interfaces(t)), io.Discard, Options{})
				require.ErrorContains(t, err, "capture packets: "+name)
			})
		})
	}
	a.on(func() {
		_, err := Open(interfaces(t), &full{writes: 1}, Options{})
		require.ErrorIs(t, err, errFull)
	})
}
