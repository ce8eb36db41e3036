//go:build integration

package fourtuple

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A segment is a TCP segment in a capture.
type segment struct {
	conversation
	layers.TCP
}

// segments reads a host's capture.
func (l *lab) segments(t *testing.T, host string) (segments []segment) {
	t.Helper()
	file, err := os.Open(l.file(host + ".pcapng"))
	require.NoError(t, err)
	defer file.Close()
	reader, err := pcapgo.NewNgReader(file, pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	for {
		data, info, err := reader.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return segments
		}
		require.NoError(t, err)
		on, err := reader.Interface(info.InterfaceIndex)
		require.NoError(t, err)
		packet := gopacket.NewPacket(data, on.LinkType, gopacket.Default)
		ip, isIP := packet.NetworkLayer().(*layers.IPv4)
		tcp, isTCP := packet.TransportLayer().(*layers.TCP)
		if isIP && isTCP {
			segments = append(segments, segment{between(ip, tcp), *tcp})
		}
	}
}

func between(ip *layers.IPv4, tcp *layers.TCP) conversation {
	from, _ := netip.AddrFromSlice(ip.SrcIP)
	to, _ := netip.AddrFromSlice(ip.DstIP)
	return conversation{netip.AddrPortFrom(from, uint16(tcp.SrcPort)), netip.AddrPortFrom(to, uint16(tcp.DstPort))}
}

// calls are the connections that these hosts' captures show from their first
// SYN on: what was called, and answered.
func (l *lab) calls(t *testing.T, hosts ...string) (seen []conversation) {
	t.Helper()
	for _, host := range hosts {
		segments := l.segments(t, host)
		for _, s := range segments {
			answered := slices.ContainsFunc(segments, func(a segment) bool {
				return a.SYN && a.ACK && a.conversation == conversation{s.To, s.From}
			})
			if s.SYN && !s.ACK && answered {
				seen = append(seen, s.conversation)
			}
		}
	}
	return distinct(seen)
}

// assertMessages asserts that the client's capture has its message on the way
// to that port, its echo on the way back, and no data on any other port.
func (l *lab) assertMessages(t *testing.T, client, message string, port uint16) {
	t.Helper()
	var there, back strings.Builder
	for _, s := range l.segments(t, client) {
		switch {
		case len(s.Payload) == 0:
		case s.To.Port() == port:
			there.Write(s.Payload)
		case s.From.Port() == port:
			back.Write(s.Payload)
		default:
			assert.Fail(t, "data on another port", "%s: %s -> %s", client, s.From, s.To)
		}
	}
	assert.Equal(t, message, there.String(), "what %s sent", client)
	assert.Equal(t, "Welcome to the Server\nServer Says: "+message, back.String(), "what %s received", client)
}
