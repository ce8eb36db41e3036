package evidence

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew, by tshark where it is the oracle")

// readAll reads a capture from memory.
func readAll(file []byte) ([]Packet, PcapngInfo, error) {
	var packets []Packet
	info, err := ReadPcapng(bytes.NewReader(file), func(p Packet) error {
		packets = append(packets, p)
		return nil
	})
	return packets, info, err
}

// tsharkFields are what tshark prints of a segment, and asTshark after it.
var tsharkFields = []string{
	"frame.number", "frame.time_epoch", "frame.interface_name", "frame.len", "ip.src", "ipv6.src", "tcp.srcport",
	"ip.dst", "ipv6.dst", "tcp.dstport", "tcp.flags", "tcp.seq", "tcp.ack_raw", "tcp.window_size_value", "tcp.urgent_pointer", "tcp.hdr_len", "tcp.options", "tcp.len", "tcp.payload",
}

func asTshark(p Packet) string {
	address := func(is4 bool, s string) string {
		if is4 {
			return s + "\t"
		}
		return "\t" + s
	}
	if p.Interface == "" {
		p.Interface = "unknown"
	}
	return fmt.Sprintf("%d\t%d.%09d\t%s\t%d\t%s\t%d\t%s\t%d\t0x%04x\t%d\t%d\t%d\t%d\t%d\t%x\t%d\t%x",
		p.Number, p.Time.Unix(), p.Time.Nanosecond(), p.Interface, p.FrameLength,
		address(p.Source.Addr().Is4(), p.Source.Addr().String()), p.Source.Port(),
		address(p.Destination.Addr().Is4(), p.Destination.Addr().String()), p.Destination.Port(),
		uint16(p.Flags), p.Seq, p.Ack, p.Window, p.Urgent, p.HeaderLength, p.Options, p.Length, p.Payload)
}

// byTshark is what tshark reads from a capture.
func byTshark(t *testing.T, name string) []byte {
	t.Helper()
	args := []string{
		"-n", "-r", name, "-Y", "tcp and not icmp and not icmpv6", "-T", "fields", "-E", "occurrence=f",
		"-o", "tcp.relative_sequence_numbers:false", "-o", "ip.defragment:false", "-o", "ipv6.defragment:false",
	}
	for _, f := range tsharkFields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	require.NoError(t, err)
	return out
}

// The captures were written by this project, by dumpcap and by tcpdump and
// editcap; beside each is what tshark reads from it.
func TestReadPcapngAsTsharkDoes(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile("testdata/pcapng/made.pcapng", wellMade(t, binary.LittleEndian), 0o600))
		require.NoError(t, os.WriteFile("testdata/pcapng/made-big.pcapng", wellMade(t, binary.BigEndian), 0o600))
	}
	names, err := filepath.Glob("testdata/pcapng/*.pcapng")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			golden := strings.TrimSuffix(name, ".pcapng") + ".tshark"
			if *update {
				require.NoError(t, os.WriteFile(golden, byTshark(t, name), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			file, err := os.ReadFile(name)
			require.NoError(t, err)
			packets, _, err := readAll(file)
			require.NoError(t, err)
			var got []string
			for _, p := range packets {
				got = append(got, asTshark(p))
			}
			assert.Equal(t, strings.Split(strings.TrimSuffix(string(want), "\n"), "\n"), got)
		})
	}
}

func number(n uint64) *uint64 { return &n }

func TestReadPcapngInfo(t *testing.T) {
	lo := func(frames int, received, dropped uint64) []CaptureInterface {
		return []CaptureInterface{{Name: "lo", Description: "Loopback", LinkType: linkEthernet, Frames: frames, Statistics: &CaptureStatistics{number(received), number(dropped)}}}
	}
	nameless := func(link uint16) []CaptureInterface { return []CaptureInterface{{LinkType: link, Frames: 38}} }
	for name, want := range map[string]PcapngInfo{
		"dumpcap": {Interfaces: lo(38, 38, 0), Frames: 38, Other: 2},
		"tcpdump": {Interfaces: nameless(linkEthernet), Frames: 38, Other: 2},
		"sliced":  {Interfaces: nameless(linkEthernet), Frames: 38, Other: 2},
		"sll":     {Interfaces: nameless(linkSLL), Frames: 38, Other: 2},
		"sll2":    {Interfaces: nameless(linkSLL2), Frames: 38, Other: 2},
		"raw":     {Interfaces: nameless(linkRaw), Frames: 38, Other: 2},
		"ours": {Interfaces: []CaptureInterface{
			{Name: "lo", Description: "127.0.0.1/8 ::1/128", LinkType: linkEthernet, Frames: 10, Statistics: &CaptureStatistics{number(10), number(0)}},
			{
				Name: "wire", Description: "10.12.1.2/24 fd12::2/64", LinkType: linkEthernet,
				Frames: 28, Statistics: &CaptureStatistics{number(28), number(0)},
			},
		}, Frames: 38},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile("testdata/pcapng/" + name + ".pcapng")
			require.NoError(t, err)
			packets, got, err := readAll(file)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.Equal(t, got.Frames, len(packets)+got.Other)
			assert.Equal(t, want.Interfaces[0].Statistics != nil, got.Closed())
		})
	}
}
