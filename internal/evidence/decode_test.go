package evidence

import (
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// frame4 and frame6 are packets between 10.12.1.10 and 10.12.0.10, or fd12::1 and
// fd12::2.
func frame4(t *testing.T, protocol layers.IPProtocol, l ...gopacket.SerializableLayer) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 63, Protocol: protocol, SrcIP: []byte{10, 12, 1, 10}, DstIP: []byte{10, 12, 0, 10}}
	return serialize(t, append([]gopacket.SerializableLayer{&ethernet, ip}, l...)...)
}

func frame6(t *testing.T, next layers.IPProtocol, l ...gopacket.SerializableLayer) []byte {
	e := ethernet
	e.EthernetType = layers.EthernetTypeIPv6
	source, destination := netip.MustParseAddr("fd12::1"), netip.MustParseAddr("fd12::2")
	ip := &layers.IPv6{Version: 6, HopLimit: 62, NextHeader: next, SrcIP: source.AsSlice(), DstIP: destination.AsSlice()}
	return serialize(t, append([]gopacket.SerializableLayer{&e, ip}, l...)...)
}

func decoded(frame []byte) (p Packet, ours bool, err error) {
	ours, err = newDecoder().decode(&p, frame, gopacket.CaptureInfo{CaptureLength: len(frame), Length: len(frame)})
	return p, ours, err
}

func TestDecodeDatagrams(t *testing.T) {
	hello, datagram := gopacket.Payload("hello"), &layers.UDP{SrcPort: 40001, DstPort: 12000}
	options := gopacket.Payload{17, 0, 1, 4, 0, 0, 0, 0} // behind it UDP; padding (RFC 8200, section 4.2)
	for name, frame := range map[string][]byte{
		"IPv4":                frame4(t, layers.IPProtocolUDP, datagram, hello),
		"IPv6":                frame6(t, layers.IPProtocolUDP, datagram, hello),
		"hop-by-hop options":  frame6(t, layers.IPProtocolIPv6HopByHop, options, datagram, hello),
		"destination options": frame6(t, layers.IPProtocolIPv6Destination, options, datagram, hello),
		"padded":              append(frame4(t, layers.IPProtocolUDP, datagram, hello), make([]byte, 13)...),
	} {
		t.Run(name, func(t *testing.T) {
			p, ours, err := decoded(frame)
			require.NoError(t, err)
			require.True(t, ours)
			assert.Equal(t, []any{UDP, "hello", 5, uint16(40001), uint16(12000)},
				[]any{p.Protocol, string(p.Payload), p.Length, p.Source.Port(), p.Destination.Port()})
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	refused := frame4(t, layers.IPProtocolTCP, &layers.TCP{SrcPort: 40001, DstPort: 12000, Seq: 7, SYN: true})[14:]
	unheard := frame6(t, layers.IPProtocolUDP, &layers.UDP{SrcPort: 40001, DstPort: 12000}, gopacket.Payload("x"))[14:]
	four := func(kind, code uint8, quoted []byte) []byte {
		return frame4(t, layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, code)}, gopacket.Payload(quoted))
	}
	six := func(kind, code uint8, quoted []byte) []byte {
		message := append([]byte{kind, code, 0, 0, 0, 0, 0, 0}, quoted...)
		return frame6(t, layers.IPProtocolICMPv6, gopacket.Payload(message))
	}
	for name, c := range map[string]struct {
		frame           []byte
		errno, protocol string
		seq             uint32
	}{
		"port":                     {four(3, 3, refused), "ECONNREFUSED", TCP, 7},
		"its first 8 bytes":        {four(3, 3, refused[:28]), "ECONNREFUSED", TCP, 7},
		"host":                     {four(3, 1, refused), "EHOSTUNREACH", TCP, 7},
		"net":                      {four(3, 0, refused), "ENETUNREACH", TCP, 7},
		"prohibited":               {four(3, 13, refused), "EHOSTUNREACH", TCP, 7},
		"too large":                {four(3, 4, refused), "EMSGSIZE", TCP, 7},
		"time":                     {four(11, 0, refused), "EHOSTUNREACH", TCP, 7},
		"parameter":                {four(12, 0, refused), "EPROTO", TCP, 7},
		"a quote cut short":        {four(3, 3, refused[:27]), "ECONNREFUSED", "", 0},
		"no quote":                 {four(3, 3, nil), "ECONNREFUSED", "", 0},
		"port of IPv6":             {six(1, 4, unheard), "ECONNREFUSED", UDP, 0},
		"prohibited of IPv6":       {six(1, 1, unheard), "EACCES", UDP, 0},
		"no route of IPv6":         {six(1, 0, unheard), "ENETUNREACH", UDP, 0},
		"too large of IPv6":        {six(2, 0, unheard), "EMSGSIZE", UDP, 0},
		"time of IPv6":             {six(3, 0, unheard), "EHOSTUNREACH", UDP, 0},
		"a quote of IPv6, cut off": {six(1, 4, unheard[:44]), "ECONNREFUSED", "", 0},
		"an echo":                  {four(8, 0, []byte("ping")), "", "", 0},
		"an echo of IPv6":          {six(129, 0, []byte("ping")), "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, ours, err := decoded(c.frame)
			require.NoError(t, err)
			require.True(t, ours)
			assert.Equal(t, []any{ICMP, c.errno, c.protocol, c.seq, uint16(0)}, []any{p.Protocol, p.ICMP, p.QuotedProtocol, p.QuotedSeq, p.Source.Port()})
			assert.Equal(t, c.protocol != "", p.Quoted.IsValid())
			if p.Quoted.IsValid() {
				assert.Equal(t, uint16(40001), p.Quoted.Source.Port())
			}
		})
	}
}

func TestDecodeNothing(t *testing.T) {
	group := &layers.IPv4{Version: 4, TTL: 255, Protocol: layers.IPProtocolUDP, SrcIP: []byte{10, 12, 1, 1}, DstIP: []byte{224, 0, 0, 251}}
	for name, frame := range map[string][]byte{
		"neighbour solicitation": frame6(t, layers.IPProtocolICMPv6, gopacket.Payload(append([]byte{135, 0, 0, 0}, make([]byte, 20)...))),
		"redirect":               frame4(t, layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(5, 1)}, gopacket.Payload(make([]byte, 28))),
		"names of the machine":   serialize(t, &ethernet, group, &layers.UDP{SrcPort: 5353, DstPort: 5353}, gopacket.Payload("x")),
		"group membership":       frame4(t, layers.IPProtocolIGMP, gopacket.Payload(make([]byte, 8))),
	} {
		t.Run(name, func(t *testing.T) {
			_, ours, err := decoded(frame)
			assert.NoError(t, err)
			assert.False(t, ours)
		})
	}
	fragment := gopacket.Payload(append([]byte{17, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 16)...)) // of UDP (RFC 8200, section 4.5)
	_, _, err := decoded(frame6(t, layers.IPProtocolIPv6Fragment, fragment))
	assert.ErrorContains(t, err, "a fragment of a packet of UDP")
}
