package capture

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

// tshark prints fields of the frames that a display filter selects.
func tshark(t *testing.T, file []byte, filter string, fields ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("tshark is not installed")
		}
		t.Skip("tshark, which the capture is compared with, is not installed")
	}
	name := t.TempDir() + "/capture.pcapng"
	require.NoError(t, os.WriteFile(name, file, 0o600))
	args := []string{
		"-n", "-r", name, "-Y", filter, "-T", "fields", "-E", "occurrence=f",
		"-o", "tcp.relative_sequence_numbers:false", "-o", "ip.defragment:false", "-o", "ipv6.defragment:false",
	}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	require.NoError(t, err, complaint.String())
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// sameAsTshark checks that tshark reads the same segments from the file.
func sameAsTshark(t *testing.T, file []byte) []evidence.Packet {
	t.Helper()
	packets, _ := read(t, file)
	var ours []string
	for _, p := range packets {
		ours = append(ours, asTshark(p))
	}
	theirs := tshark(t, file, "tcp and not icmp and not icmpv6",
		"frame.number", "frame.time_epoch", "frame.interface_name", "frame.len",
		"ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport",
		"tcp.flags", "tcp.seq", "tcp.ack_raw", "tcp.window_size_value", "tcp.len", "tcp.payload")
	require.NotEmpty(t, ours)
	require.Equal(t, theirs, ours)
	return packets
}

func asTshark(p evidence.Packet) string {
	address := func(is4 bool, s string) string {
		if is4 {
			return s + "\t"
		}
		return "\t" + s
	}
	return fmt.Sprintf("%d\t%d.%09d\t%s\t%d\t%s\t%d\t%s\t%d\t0x%04x\t%d\t%d\t%d\t%d\t%x",
		p.Number, p.Time.Unix(), p.Time.Nanosecond(), p.Interface, p.FrameLength,
		address(p.Source.Addr().Is4(), p.Source.Addr().String()), p.Source.Port(),
		address(p.Destination.Addr().Is4(), p.Destination.Addr().String()), p.Destination.Port(),
		uint8(p.Flags), p.Seq, p.Ack, p.Window, p.Length, p.Payload)
}

func TestConversationsAsTsharkReadsThem(t *testing.T) {
	a, b := pair(t)
	for name, c := range map[string]struct {
		server host
		listen string
	}{
		"over IPv4":          {b, "10.12.1.2:0"},
		"over IPv6":          {b, "[fd12::2]:0"},
		"over loopback":      {a, "127.0.0.1:0"},
		"over IPv6 loopback": {a, "[::1]:0"},
	} {
		t.Run(name, func(t *testing.T) {
			var atA, atB bytes.Buffer
			ca, cb := a.capture(&atA, Options{}), b.capture(&atB, Options{})
			talk(t, c.server.listen(c.listen), a, 20)
			_, err := ca.Close()
			require.NoError(t, err)
			_, err = cb.Close()
			require.NoError(t, err)
			packets := sameAsTshark(t, atA.Bytes())
			require.Greater(t, len(packets), 40)
			if c.server == b {
				require.Len(t, sameAsTshark(t, atB.Bytes()), len(packets))
			}
		})
	}
}

// With segmentation offloaded, frames are far longer than the wire's 1,500 bytes.
func TestLargeFramesAreWhole(t *testing.T) {
	a, b := pair(t)
	var file bytes.Buffer
	c := b.capture(&file, Options{})
	l := b.listen("10.12.1.2:0")
	sent := bytes.Repeat([]byte("0123456789abcdef"), 256<<10)
	received := make(chan []byte)
	go func() {
		conn, err := l.Accept()
		var all []byte
		if assert.NoError(t, err) {
			all, err = io.ReadAll(conn)
			assert.NoError(t, err)
			assert.NoError(t, conn.Close())
		}
		received <- all
	}()
	conn := a.dial(l.Addr().String())
	_, err := conn.Write(sent)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.True(t, bytes.Equal(sent, <-received))
	stats, err := c.Close()
	require.NoError(t, err)
	require.Zero(t, stats.Dropped)

	longest, total := 0, 0
	packets, _ := read(t, file.Bytes())
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	for _, p := range packets {
		assert.Len(t, p.Payload, p.Length, "a packet was cut off")
		longest = max(longest, p.FrameLength)
		if p.Destination.Port() == port {
			total += p.Length
		}
	}
	assert.Greater(t, longest, 1514)
	assert.GreaterOrEqual(t, total, len(sent))
	sameAsTshark(t, file.Bytes())
}

// A frame longer than any IPv4 packet (BIG TCP) says a total length of zero. It
// is cut off, and its length is kept.
func TestHugeFrames(t *testing.T) {
	h := newHost(t)
	h.on(func() {
		lo, err := netlink.LinkByName("lo")
		require.NoError(t, err)
		require.NoError(t, netlink.LinkSetMTU(lo, 200_000))
	})
	const data = 100_000
	huge := frame(t, ethernet(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), syn(1), gopacket.Payload(nil))[:54]
	huge[16], huge[17] = 0, 0
	huge = append(huge, make([]byte, data)...)
	var file bytes.Buffer
	c := h.capture(&file, Options{})
	h.sender("lo").send(huge)
	_, err := c.Close()
	require.NoError(t, err)
	packets, _ := read(t, file.Bytes())
	require.Len(t, packets, 1)
	assert.Equal(t, len(huge), packets[0].FrameLength)
	assert.Equal(t, data, packets[0].Length)
	assert.Len(t, packets[0].Payload, perPacket-54)
	assert.Equal(t, []string{fmt.Sprintf("%d\t%d", len(huge), perPacket)}, tshark(t, file.Bytes(), "frame", "frame.len", "frame.cap_len"))
}

// A frame that goes out has its tag in the data, of one that comes in the kernel
// took it out: it is back in both files.
func TestTaggedFrames(t *testing.T) {
	a, b := pair(t)
	var atA, atB bytes.Buffer
	ca, cb := a.capture(&atA, Options{}), b.capture(&atB, Options{})
	tag := &layers.Dot1Q{Priority: 5, VLANIdentifier: 7, Type: layers.EthernetTypeIPv4}
	a.sender("wire").send(frame(t, ethernet(layers.EthernetTypeDot1Q), tag, ip4(layers.IPProtocolTCP), syn(1)))
	// The other side's turn comes when the kernel gets to it.
	require.Eventually(t, func() bool { return cb.Drain() == nil && cb.packets() == 1 }, 10*time.Second, time.Millisecond)
	_, err := ca.Close()
	require.NoError(t, err)
	_, err = cb.Close()
	require.NoError(t, err)
	for _, file := range [][]byte{atA.Bytes(), atB.Bytes()} {
		sameAsTshark(t, file)
		assert.Equal(t, []string{"5\t7\t60\t60\teth:ethertype:vlan:ethertype:ip:tcp"},
			tshark(t, file, "tcp", "vlan.priority", "vlan.id", "frame.len", "frame.cap_len", "frame.protocols"))
	}
}

func (c *Capture) packets() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats.Packets
}

// A tun device has no link layer.
func TestWithoutLinkLayer(t *testing.T) {
	h := newHost(t)
	var tun *os.File
	h.on(func() {
		device := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tun"}, Mode: netlink.TUNTAP_MODE_TUN, Flags: netlink.TUNTAP_NO_PI, Queues: 1}
		require.NoError(t, netlink.LinkAdd(device))
		tun = device.Fds[0]
		address(t, "tun", "10.12.3.1/24", "fd12:3::1/64")
		up(t, "tun")
	})
	defer tun.Close()
	var file bytes.Buffer
	c := h.capture(&file, Options{})
	for _, f := range [][]byte{
		frame(t, ip4(6), syn(1)),
		frame(t, ip6(6), syn(2)),
		frame(t, ip4(17), syn(3)), // UDP: not kept
	} {
		_, err := tun.Write(f)
		require.NoError(t, err)
	}
	_, err := c.Close()
	require.NoError(t, err)
	packets := sameAsTshark(t, file.Bytes())
	assert.Equal(t, []uint32{1, 2}, numbers(packets))
	assert.Equal(t, []string{"raw:ip:tcp", "raw:ipv6:tcp"},
		tshark(t, file.Bytes(), "tcp", "frame.protocols"))
}

func TestWhatTsharkSaysOfTheFile(t *testing.T) {
	a, b := pair(t)
	var file bytes.Buffer
	c := a.capture(&file, Options{})
	talk(t, b.listen("10.12.1.2:0"), a, 1)
	_, err := c.Close()
	require.NoError(t, err)
	const outbound, inbound = "0x00000002", "0x00000001"
	for ends, direction := range map[string]string{"ip.src == 10.12.1.1": outbound, "ip.dst == 10.12.1.1": inbound} {
		lines := tshark(t, file.Bytes(), "tcp and "+ends, "frame.interface_name", "frame.interface_description", "frame.packet_flags_direction")
		for _, line := range lines {
			assert.Regexp(t, `^wire\t10\.12\.1\.1/24 fd12::1/64( fe80::\S+/64)?\t`+direction+`$`, line)
		}
	}
}
