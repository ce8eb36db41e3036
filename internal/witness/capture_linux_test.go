package witness

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/nettest"
)

// A log keeps what is written to it, write by write.
type log struct {
	mu     sync.Mutex
	writes [][]byte
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, bytes.Clone(p))
	return len(p), nil
}

func (l *log) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Join(l.writes, nil)
}

func openCapture(t *testing.T, n *nettest.Namespace, w io.Writer) *Capture {
	t.Helper()
	var c *Capture
	n.Do(t, func() {
		interfaces, err := Interfaces()
		require.NoError(t, err)
		c, err = OpenCapture(interfaces, w)
		require.NoError(t, err)
	})
	return c
}

// read is a capture file's frames, in short, and the statistics of its
// interfaces; the file must end at the end of a block.
func read(t *testing.T, file []byte) (frames []string, statistics []pcapgo.NgInterfaceStatistics) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{WantMixedLinkType: true})
	require.NoError(t, err)
	for {
		data, info, options, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		i, err := r.Interface(info.InterfaceIndex)
		require.NoError(t, err)
		frames = append(frames, fmt.Sprintf("%s %d %d", i.Name, options.Flags.Direction, len(data)))
	}
	for i := range r.NInterfaces() {
		found, err := r.Interface(i)
		require.NoError(t, err)
		statistics = append(statistics, found.Statistics)
	}
	return frames, statistics
}

// exchange sends a text from one namespace to the other and back.
func exchange(t *testing.T, from, to *nettest.Namespace, address string) {
	t.Helper()
	var l net.Listener
	to.Do(t, func() {
		var err error
		l, err = net.Listen("tcp", address)
		require.NoError(t, err)
	})
	defer l.Close()
	var c net.Conn
	from.Do(t, func() {
		var err error
		c, err = net.Dial("tcp", address)
		require.NoError(t, err)
	})
	defer c.Close()
	s, err := l.Accept()
	require.NoError(t, err)
	defer s.Close()
	for _, ends := range [][2]net.Conn{{c, s}, {s, c}} {
		_, err = ends[0].Write([]byte("hello"))
		require.NoError(t, err)
		_, err = io.ReadFull(ends[1], make([]byte, 5))
		require.NoError(t, err)
	}
}

// TestCaptureReadByTshark captures every kind of traffic at one end of a wire.
func TestCaptureReadByTshark(t *testing.T) {
	nettest.Tool(t, "tshark")
	nettest.Tool(t, "ping")
	a, b := nettest.New(t), nettest.New(t)
	ethA, ethB := nettest.Connect(t, a, b, "10.12.1.1/24", "10.12.1.2/24")
	a.AddAddress(t, ethA, "fd12::1/64")
	b.AddAddress(t, ethB, "fd12::2/64")
	var file bytes.Buffer
	c := openCapture(t, a, &file)
	began := time.Now()
	exchange(t, a, b, "10.12.1.2:12000")
	ended := time.Now()
	exchange(t, a, b, "[fd12::2]:12001")
	exchange(t, b, a, "10.12.1.1:12002")
	exchange(t, a, a, "127.0.0.1:12003")
	a.Output(t, "ping", "-c", "1", "-W", "5", "10.12.1.2")
	stats, err := c.Close()
	require.NoError(t, err)
	assert.Zero(t, stats.Dropped)

	name := filepath.Join(t.TempDir(), "a.pcapng")
	require.NoError(t, os.WriteFile(name, file.Bytes(), 0o600))
	out, err := exec.Command("tshark", "-n", "-r", name, "-T", "fields", "-E", "separator=|",
		"-e", "frame.interface_name", "-e", "frame.packet_flags_direction", "-e", "_ws.col.Protocol",
		"-e", "tcp.dstport", "-e", "tcp.flags.str", "-e", "tcp.len", "-e", "frame.time_epoch").Output()
	require.NoError(t, err)
	var times []string // of the first connection
	count := map[string]int{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if f[3] == "12000" {
			times = append(times, f[6])
		}
		if f[2] == "TCP" {
			f[2] = strings.Trim(f[4], "·")
			count[fmt.Sprint(f[0], " ", f[1], " ", f[3], " ", f[5])]++
		}
		count[fmt.Sprint(f[0], " ", f[1], " ", f[2])]++
	}
	const in, outgoing = "0x00000001", "0x00000002"
	assert.Equal(t, 2, count["eth0 "+outgoing+" S"], "two connections begun here")
	assert.Equal(t, 1, count["eth0 "+in+" S"], "one begun there")
	assert.Equal(t, 2, count["eth0 "+in+" A··S"])
	assert.Equal(t, 1, count["eth0 "+outgoing+" 12000 5"])
	assert.Equal(t, 1, count["eth0 "+outgoing+" 12001 5"])
	assert.Equal(t, 1, count["eth0 "+in+" 12002 5"])
	assert.Equal(t, 1, count["lo "+outgoing+" S"], "what passes lo is captured once")
	assert.Equal(t, 1, count["lo "+outgoing+" 12003 5"])
	assert.Equal(t, 1, count["eth0 "+outgoing+" ICMP"])
	assert.Equal(t, 1, count["eth0 "+in+" ICMP"])
	assert.Positive(t, count["eth0 "+outgoing+" ARP"])
	// Packets have the time at which they passed, not that of their reading.
	assert.GreaterOrEqual(t, slices.Min(times), epoch(began))
	assert.LessOrEqual(t, times[0], epoch(ended), "the SYN")
	assert.Equal(t, stats.Packets, strings.Count(string(out), "\n"))

	frames, statistics := read(t, file.Bytes())
	assert.Len(t, frames, stats.Packets)
	require.Len(t, statistics, 2)
	assert.EqualValues(t, stats.Packets, statistics[0].PacketsReceived+statistics[1].PacketsReceived)
	assert.Zero(t, statistics[0].PacketsDropped)
	assert.WithinRange(t, statistics[0].LastUpdate, began, time.Now())
}

// epoch is a time as tshark prints it.
func epoch(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }

// TestCaptureWritesWholeBlocks: what passed is written soon, and wherever a
// stream of writes is cut, what came is readable.
func TestCaptureWritesWholeBlocks(t *testing.T) {
	n := nettest.New(t)
	var file log
	c := openCapture(t, n, &file)
	frames, _ := read(t, file.bytes())
	require.Empty(t, frames, "the interfaces are written at once")
	for port := range 5 {
		exchange(t, n, n, fmt.Sprintf("127.0.0.1:%d", 12000+port))
		eventually(t, func() bool { f, _ := read(t, file.bytes()); return len(f) >= 5*(port+1) }, "packets are written before Close")
	}
	stats, err := c.Close()
	require.NoError(t, err)
	for end := range file.writes {
		frames, _ = read(t, bytes.Join(file.writes[:end+1], nil))
	}
	assert.Len(t, frames, stats.Packets)
}

// TestCaptureCountsWhatItMissed: while the file takes nothing the kernel drops
// what does not fit into its buffer, and counts it.
func TestCaptureCountsWhatItMissed(t *testing.T) {
	a, b := nettest.New(t), nettest.New(t)
	nettest.Connect(t, a, b, "10.12.1.1/24", "10.12.1.2/24")
	var sender net.Conn
	a.Do(t, func() {
		var err error
		sender, err = net.Dial("udp", "10.12.1.2:12000")
		require.NoError(t, err)
	})
	defer sender.Close()
	b.Do(t, func() {
		l, err := net.ListenPacket("udp", "10.12.1.2:12000")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
	})
	gate := &gate{open: make(chan struct{})}
	c := openCapture(t, b, gate)
	const sent = 60_000
	for range sent {
		_, err := sender.Write(make([]byte, 1000))
		require.NoError(t, err)
	}
	close(gate.open)
	stats, err := c.Close()
	require.NoError(t, err)
	assert.Positive(t, stats.Dropped)
	assert.GreaterOrEqual(t, stats.Packets+stats.Dropped, sent)
	frames, statistics := read(t, gate.Bytes())
	assert.Len(t, frames, stats.Packets)
	assert.EqualValues(t, stats.Dropped, statistics[0].PacketsDropped)
	assert.Equal(t, uint64(pcapgo.NgNoValue64), statistics[1].PacketsDropped, "counted once")
}

// A gate takes the header, and the rest once it is open.
type gate struct {
	bytes.Buffer
	open chan struct{}
}

func (g *gate) Write(p []byte) (int, error) {
	if g.Len() > 0 {
		<-g.open
	}
	return g.Buffer.Write(p)
}

// TestCaptureOfALateInterface: it has no block in the file; its packets are
// missed, and counted.
func TestCaptureOfALateInterface(t *testing.T) {
	a, b := nettest.New(t), nettest.New(t)
	c := openCapture(t, a, io.Discard)
	nettest.Connect(t, a, b, "10.12.1.1/24", "10.12.1.2/24")
	exchange(t, a, b, "10.12.1.2:12000")
	stats, err := c.Close()
	require.NoError(t, err)
	assert.Zero(t, stats.Packets)
	assert.Greater(t, stats.Dropped, 5)
}

func TestCaptureThatCannotBeWritten(t *testing.T) {
	n := nettest.New(t)
	full := errors.New("no space left on device")
	w := &failing{after: 1, err: full}
	c := openCapture(t, n, w)
	exchange(t, n, n, "127.0.0.1:12000")
	exchange(t, n, n, "127.0.0.1:12001")
	_, err := c.Close()
	require.ErrorIs(t, err, full)
	assert.EqualError(t, err, "capture packets: no space left on device")
	n.Do(t, func() {
		_, err := OpenCapture([]evidence.Interface{{Name: "lo", Index: 1}}, &failing{err: full})
		require.ErrorIs(t, err, full)
	})
}

type failing struct {
	after int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestOpenCaptureWithoutInterfaces(t *testing.T) {
	nettest.New(t).Do(t, func() {
		_, err := OpenCapture(nil, io.Discard)
		assert.EqualError(t, err, "capture packets: there is no interface")
	})
}
