package report

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A frame is what was captured of one, and how long it was.
type frame struct {
	time   time.Time
	bytes  []byte
	length int
}

// framesOf makes packets into frames of Ethernet. Options are filled up to the
// header's unit of 4 bytes; lengths follow from what is there.
func framesOf(t *testing.T, packets []evidence.Packet) []frame {
	t.Helper()
	frames := make([]frame, len(packets))
	for i, p := range packets {
		b := frameOf(t, p)
		frames[i] = frame{p.Time, b, len(b)}
	}
	return frames
}

func frameOf(t *testing.T, p evidence.Packet) []byte {
	t.Helper()
	ethernet := &layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
	var ip gopacket.SerializableLayer = &layers.IPv4{
		Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolTCP,
		SrcIP: p.Source.Addr().AsSlice(), DstIP: p.Destination.Addr().AsSlice(),
	}
	if p.Source.Addr().Is6() {
		ethernet.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{
			Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolTCP,
			SrcIP: p.Source.Addr().AsSlice(), DstIP: p.Destination.Addr().AsSlice(),
		}
	}
	b := gopacket.NewSerializeBuffer()
	o := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	require.NoError(t, gopacket.SerializeLayers(b, o, ethernet, ip, gopacket.Payload(segmentOf(p))))
	return b.Bytes()
}

// segmentOf writes the header by hand: no library writes options that are wrong.
func segmentOf(p evidence.Packet) []byte {
	options := append([]byte{}, p.Options...)
	options = append(options, make([]byte, -len(options)&3)...)
	b := binary.BigEndian.AppendUint16(nil, p.Source.Port())
	b = binary.BigEndian.AppendUint16(b, p.Destination.Port())
	b = binary.BigEndian.AppendUint32(b, p.Seq)
	b = binary.BigEndian.AppendUint32(b, p.Ack)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(options))/4<<12|uint16(p.Flags))
	b = binary.BigEndian.AppendUint16(b, p.Window)
	b = binary.BigEndian.AppendUint16(b, 0) // the checksum, which nobody verifies
	b = binary.BigEndian.AppendUint16(b, p.Urgent)
	return append(append(b, options...), p.Payload...)
}

// captureFile writes frames into a pcapng file.
func captureFile(t *testing.T, frames []frame) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "host.pcapng")
	file, err := os.Create(path)
	require.NoError(t, err)
	w, err := pcapgo.NewNgWriter(file, layers.LinkTypeEthernet)
	require.NoError(t, err)
	for _, f := range frames {
		info := gopacket.CaptureInfo{Timestamp: f.time, CaptureLength: len(f.bytes), Length: f.length}
		require.NoError(t, w.WritePacket(info, f.bytes))
	}
	require.NoError(t, w.Flush())
	require.NoError(t, file.Close())
	return path
}
