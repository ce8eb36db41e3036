package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Whatever a header holds, a segment is one line.
func FuzzPackets(f *testing.F) {
	f.Add(synOptions(7), uint16(evidence.SYN), uint16(64240), uint8(40))
	f.Add([]byte{5, 3, 1, 3, 3, 255, 254, 2}, uint16(evidence.ACK), uint16(65535), uint8(60))
	f.Add([]byte{3, 0}, uint16(0xfff), uint16(0), uint8(0))
	f.Fuzz(func(t *testing.T, options []byte, flags, window uint16, header uint8) {
		p := conversation(end("10.12.4.10:1"), serverEnd, "", 4)
		for i := range p {
			p[i].Options, p[i].Window, p[i].HeaderLength = options, window, header
			p[i].Flags ^= evidence.Flags(flags)
		}
		var b strings.Builder
		require.NoError(t, Packets(&b, "", p))
		require.Equal(t, 1+len(p), strings.Count(b.String(), "\n"))
		require.Equal(t, len(p), strings.Count(b.String(), " Win="))
		require.NotContains(t, b.String(), "%!")
	})
}
