package evidence

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

var (
	here  = netip.MustParseAddrPort("10.12.1.10:40000")
	there = netip.MustParseAddrPort("10.12.0.10:12000")
)

// sent makes the segments of one direction, cut at the given lengths, and the
// acknowledgement of all of it.
func sent(initial uint32, data []byte, cuts []int) []Packet {
	packets := []Packet{{Source: here, Destination: there, Flags: SYN, Seq: initial}}
	at := 0
	for _, n := range append(cuts, len(data)) {
		n = min(n, len(data)-at)
		if n > 0 {
			packets = append(packets, Packet{
				Source: here, Destination: there, Flags: ACK,
				Seq: initial + 1 + uint32(at), Payload: data[at : at+n], Length: n,
			})
		}
		at += n
	}
	return append(packets, Packet{Source: there, Destination: here, Flags: ACK, Ack: initial + 1 + uint32(len(data))})
}

func TestReassembleAnyOrderAndRepetition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data")
		initial := rapid.Uint32().Draw(t, "initial") // wraps around 2^32 too
		packets := sent(initial, data, rapid.SliceOf(rapid.IntRange(1, 60)).Draw(t, "cuts"))
		again := sent(initial, data, rapid.SliceOf(rapid.IntRange(1, 60)).Draw(t, "other cuts"))
		all := rapid.Permutation(append(packets, again...)).Draw(t, "order")
		s := Reassemble(all, here)
		assert.Empty(t, s.Gap)
		assert.True(t, slices.Equal(data, s.Data))
	})
}

func TestReassembleNeverHidesALoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "data")
		packets := sent(rapid.Uint32().Draw(t, "initial"), data, rapid.SliceOf(rapid.IntRange(1, 60)).Draw(t, "cuts"))
		lost := rapid.IntRange(0, len(packets)-2).Draw(t, "lost")
		assert.NotEmpty(t, Reassemble(slices.Delete(packets, lost, lost+1), here).Gap)
	})
}

func TestReassembleTellsWhatIsWrong(t *testing.T) {
	data := []byte("hello")
	tests := map[string]struct {
		change func([]Packet) []Packet
		gap    string
	}{
		"captured in part": {func(p []Packet) []Packet { p[1].Payload = p[1].Payload[:2]; return p }, "a segment of 5 bytes was captured only in part"},
		"sent twice": {func(p []Packet) []Packet {
			other := p[1]
			other.Payload = []byte("jello")
			return append(p, other)
		}, "bytes at offset 0 were sent twice with different content"},
		"no SYN":        {func(p []Packet) []Packet { return p[1:] }, "no SYN from 10.12.1.10:40000"},
		"acknowledged":  {func(p []Packet) []Packet { return []Packet{p[0], p[2]} }, "5 bytes from 10.12.1.10:40000 were acknowledged but not captured"},
		"a hole":        {func(p []Packet) []Packet { p[1].Seq += 3; return p }, "3 bytes are missing at offset 0"},
		"nothing wrong": {func(p []Packet) []Packet { return p }, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.gap, Reassemble(test.change(sent(7, data, nil)), here).Gap)
		})
	}
}

func TestReassembleEndsAtFIN(t *testing.T) {
	packets := sent(7, []byte("bye"), nil)
	packets[1].Flags |= FIN
	packets[2].Ack++
	s := Reassemble(packets, here)
	assert.Empty(t, s.Gap)
	assert.Equal(t, "bye", string(s.Data))
	packets[2].Ack += 4
	assert.NotEmpty(t, Reassemble(packets, here).Gap)
}

func TestReassembleSkipsKeepAlives(t *testing.T) {
	packets := sent(7, []byte("hello"), nil)
	packets = append(packets, Packet{Source: here, Destination: there, Flags: ACK, Seq: 7, Payload: []byte{0}, Length: 1})
	assert.Empty(t, Reassemble(packets, here).Gap)
}
