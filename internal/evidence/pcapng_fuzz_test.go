package evidence

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

func FuzzReadPcapng(f *testing.F) {
	names, err := filepath.Glob("testdata/pcapng/*.pcapng")
	require.NoError(f, err)
	for _, name := range names {
		file, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(file[:min(len(file), 2000)])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		n, captured := 0, 0
		info, _ := ReadPcapng(bytes.NewReader(file), func(p Packet) error {
			n++
			captured += len(p.Options) + len(p.Payload)
			if len(p.Options) > 40 || p.Length < len(p.Payload) || p.FrameLength < p.Length || p.Number < n || !p.Source.IsValid() || !p.Destination.IsValid() {
				t.Fatalf("impossible packet %+v", p)
			}
			return nil
		})
		frames := 0
		for _, i := range info.Interfaces {
			frames += i.Frames
		}
		if info.Frames != n+info.Fragments+info.Damaged+info.Other || info.Frames != frames || captured > len(file) {
			t.Fatalf("%d packets of %+v", n, info)
		}
	})
}

// BenchmarkReadPcapng reads 500,000 packets of an echo conversation, whose
// headers have the options that Linux sends.
func BenchmarkReadPcapng(b *testing.B) {
	tcp := madeTCP(1)
	tcp.Options = madeTimestamps(7)
	m := &made{order: binary.LittleEndian}
	m.section()
	m.describe(linkEthernet, "wire", m.option(9, 9)...)
	packet := &made{order: m.order}
	packet.packet(0, 1795408627778530556, madeFrame(b, madeEthernet(layers.EthernetTypeIPv4), made4(6), tcp, gopacket.Payload("hello, world")))
	m.b = append(m.b, bytes.Repeat(packet.b, 500_000)...)
	b.SetBytes(int64(len(m.b)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		_, err := ReadPcapng(bytes.NewReader(m.b), func(Packet) error { n++; return nil })
		require.NoError(b, err)
		require.Equal(b, 500_000, n)
	}
}

func FuzzDecode(f *testing.F) {
	data := gopacket.Payload("payload")
	options := madeTCP(1)
	options.Options = madeTimestamps(7)
	for link, frame := range map[uint16][]byte{
		linkEthernet: madeFrame(f, madeEthernet(layers.EthernetTypeDot1Q), &layers.Dot1Q{Type: layers.EthernetTypeIPv4}, made4(6), options, data),
		linkRaw:      madeFrame(f, made6(0), madeOptions(44, 1), madeFragment6(51, 0, 1), madeAH(6), madeTCP(1), data),
		linkIPv4:     madeFrame(f, madeFragment4(7), data),
		linkSLL2:     append(make([]byte, 20), madeFrame(f, made4(6), madeTCP(1), data)...),
	} {
		f.Add(link, frame, len(frame))
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte, length int) {
		length = max(length, len(data))
		var p Packet
		if decode(&p, link, data, length) != isSegment {
			return
		}
		header := int(p.HeaderLength)
		if len(p.Payload) > p.Length || header+p.Length > length || !bytes.Contains(data, append(p.Options[:len(p.Options):len(p.Options)], p.Payload...)) || !p.Source.IsValid() {
			t.Fatalf("impossible packet %+v", p)
		}
		if header < 20 || len(p.Options) > header-20 || p.OptionsCutShort() && len(p.Payload) > 0 {
			t.Fatalf("impossible header of %+v", p)
		}
	})
}
