package conntrack

import (
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// encode is an entry's body as the kernel writes it.
func encode(protocol uint8, original, reply evidence.FourTuple) []byte {
	e := netlink.NewAttributeEncoder()
	for kind, endpoints := range map[uint16]evidence.FourTuple{tupleOriginal: original, tupleReply: reply} {
		e.Nested(kind, func(t *netlink.AttributeEncoder) error {
			encodeTuple(t, protocol, endpoints)
			return nil
		})
	}
	// Status, which nobody reads.
	e.Uint32(3, 0x8e)
	b, err := e.Encode()
	if err != nil {
		panic(err)
	}
	return append([]byte{2, 0, 0, 0}, b...)
}

func encodeTuple(t *netlink.AttributeEncoder, protocol uint8, endpoints evidence.FourTuple) {
	source, destination := endpoints.Source, endpoints.Destination
	shift := uint16(0)
	if source.Addr().Is6() {
		shift = source6 - source4
	}
	t.Nested(tupleAddresses, func(a *netlink.AttributeEncoder) error {
		a.Bytes(source4+shift, source.Addr().AsSlice())
		a.Bytes(destination4+shift, destination.Addr().AsSlice())
		return nil
	})
	t.Nested(tupleProtocol, func(p *netlink.AttributeEncoder) error {
		p.Uint8(protocolNumber, protocol)
		p.Bytes(sourcePort, []byte{byte(source.Port() >> 8), byte(source.Port())})
		p.Bytes(destinationPort, []byte{byte(destination.Port() >> 8), byte(destination.Port())})
		return nil
	})
}

func tupleOf(source, destination string) evidence.FourTuple {
	return evidence.FourTuple{Source: netip.MustParseAddrPort(source), Destination: netip.MustParseAddrPort(destination)}
}

var (
	asked    = tupleOf("10.12.1.10:40992", "10.12.0.10:12000")
	answered = tupleOf("10.12.0.10:12000", "10.12.0.254:1024")
)

func TestParseEntry(t *testing.T) {
	e, ok, err := parseEntry(encode(protocolTCP, asked, answered))
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, entry{asked, answered}, e)
	assert.True(t, e.translated())

	e, ok, err = parseEntry(encode(protocolTCP, asked, asked.Reverse()))
	require.NoError(t, err)
	require.True(t, ok)
	assert.False(t, e.translated())

	six := tupleOf("[fd12::10]:40992", "[fd12::1]:12000")
	e, ok, err = parseEntry(encode(protocolTCP, six, six.Reverse()))
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, entry{six, six.Reverse()}, e)

	_, ok, err = parseEntry(encode(17, asked, answered))
	require.NoError(t, err)
	assert.False(t, ok, "udp is not tcp")
}

func TestParseEntryErrors(t *testing.T) {
	whole := encode(protocolTCP, asked, answered)
	for name, body := range map[string][]byte{
		"nothing":      nil,
		"header only":  whole[:3],
		"cut short":    whole[:len(whole)-9],
		"without port": encode(protocolTCP, tupleOf("10.12.1.10:0", "10.12.0.10:12000"), answered),
	} {
		_, ok, err := parseEntry(body)
		require.Error(t, err, name)
		assert.False(t, ok)
	}
	_, ok, err := parseEntry(whole[:4])
	require.NoError(t, err)
	assert.False(t, ok, "an entry of no protocol is not of TCP")
}

// FuzzParseEntry: whatever a message holds, what is taken for a TCP connection
// has four endpoints, none of them IPv4-mapped.
func FuzzParseEntry(f *testing.F) {
	f.Add(encode(protocolTCP, asked, answered))
	f.Add(encode(17, asked, answered))
	f.Add(encode(protocolTCP, tupleOf("[fd12::10]:40992", "[fd12::1]:12000"), answered)[:60])
	f.Fuzz(func(t *testing.T, body []byte) {
		e, ok, err := parseEntry(body)
		require.False(t, ok && err != nil)
		if !ok {
			return
		}
		require.True(t, e.original.IsValid() && e.reply.IsValid())
		for _, endpoint := range []netip.AddrPort{e.original.Source, e.original.Destination, e.reply.Source, e.reply.Destination} {
			require.False(t, endpoint.Addr().Is4In6())
		}
	})
}
