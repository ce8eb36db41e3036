package capture

import (
	"bytes"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// raw is what layers cannot write: a header given byte by byte.
func raw(b ...byte) gopacket.Payload { return b }

// options is an IPv6 header of 8 bytes times its length, with a next header.
func options(next layers.IPProtocol, more byte) gopacket.Payload {
	return append([]byte{byte(next), more, 1, 4, 0, 0, 0, 0}, make([]byte, 8*int(more))...)
}

// fragment6 is an IPv6 fragment header with an offset in units of 8 bytes.
func fragment6(next layers.IPProtocol, offset uint16) gopacket.Payload {
	return raw(byte(next), 0, byte(offset>>5), byte(offset<<3)|1, 0, 0, 0, 7)
}

func fragment4(protocol layers.IPProtocol, offset uint16) *layers.IPv4 {
	ip := ip4(protocol)
	ip.FragOffset, ip.Flags = offset, layers.IPv4MoreFragments
	return ip
}

func withOptions(ip *layers.IPv4) *layers.IPv4 {
	ip.Options = []layers.IPv4Option{{OptionType: 1}, {OptionType: 1}, {OptionType: 1}, {OptionType: 0}}
	return ip
}

func TestFilter(t *testing.T) {
	const (
		v4, v6      = layers.EthernetTypeIPv4, layers.EthernetTypeIPv6
		tcp, udp    = layers.IPProtocolTCP, layers.IPProtocolUDP
		hop, dst    = layers.IPProtocolIPv6HopByHop, layers.IPProtocolIPv6Destination
		routing     = layers.IPProtocolIPv6Routing
		frag        = layers.IPProtocolIPv6Fragment
		ping, ping6 = layers.IPProtocolICMPv4, layers.IPProtocolICMPv6
	)
	datagram := &layers.UDP{SrcPort: 1, DstPort: 2}
	icmp := func(kind byte) gopacket.Payload { return raw(kind, 0, 0, 0, 0, 0, 0, 0) }
	type stack = []gopacket.SerializableLayer
	a, _ := pair(t)
	s := a.sender("wire")
	control := frame(t, ethernet(layers.EthernetTypeIPv4), ip4(layers.IPProtocolTCP), syn(99))
	for name, c := range map[string]struct {
		kept   bool
		layers stack
	}{
		"tcp":                                 {true, stack{ethernet(v4), ip4(tcp), syn(1)}},
		"tcp behind options":                  {true, stack{ethernet(v4), withOptions(ip4(tcp)), syn(1)}},
		"first fragment of tcp":               {true, stack{ethernet(v4), fragment4(tcp, 0), syn(1)}},
		"later fragment of tcp":               {true, stack{ethernet(v4), fragment4(tcp, 100), raw(1, 2, 3)}},
		"udp":                                 {false, stack{ethernet(v4), ip4(udp), datagram}},
		"later fragment of udp":               {false, stack{ethernet(v4), fragment4(udp, 100), raw(1, 2, 3)}},
		"icmp echo":                           {false, stack{ethernet(v4), ip4(ping), icmp(8)}},
		"icmp unreachable":                    {true, stack{ethernet(v4), ip4(ping), icmp(3)}},
		"icmp unreachable behind options":     {true, stack{ethernet(v4), withOptions(ip4(ping)), icmp(3)}},
		"icmp echo behind options":            {false, stack{ethernet(v4), withOptions(ip4(ping)), icmp(8)}},
		"icmp time exceeded":                  {true, stack{ethernet(v4), ip4(ping), icmp(11)}},
		"later fragment of icmp":              {false, stack{ethernet(v4), fragment4(ping, 100), icmp(3)}},
		"arp":                                 {false, stack{ethernet(layers.EthernetTypeARP), raw(0, 1, 8, 0, 6, 4, 0, 1)}},
		"another protocol":                    {false, stack{ethernet(0x88b5), raw(make([]byte, 40)...)}},
		"tcp over IPv6":                       {true, stack{ethernet(v6), ip6(tcp), syn(1)}},
		"tcp behind one header":               {true, stack{ethernet(v6), ip6(hop), options(tcp, 0), syn(1)}},
		"tcp behind a long header":            {true, stack{ethernet(v6), ip6(hop), options(tcp, 20), syn(1)}},
		"tcp behind three headers":            {true, stack{ethernet(v6), ip6(hop), options(routing, 1), options(dst, 2), options(tcp, 0), syn(1)}},
		"tcp behind five headers":             {true, stack{ethernet(v6), ip6(dst), options(dst, 0), options(dst, 0), options(dst, 0), options(dst, 0), options(tcp, 0), syn(1)}},
		"udp behind five headers":             {false, stack{ethernet(v6), ip6(dst), options(dst, 0), options(dst, 0), options(dst, 0), options(dst, 0), options(udp, 0), datagram}},
		"more headers than are walked":        {true, stack{ethernet(v6), ip6(dst), options(dst, 0), options(dst, 0), options(dst, 0), options(dst, 0), options(dst, 0), options(udp, 0), datagram}},
		"udp over IPv6":                       {false, stack{ethernet(v6), ip6(udp), datagram}},
		"udp behind one header":               {false, stack{ethernet(v6), ip6(hop), options(udp, 0), datagram}},
		"first fragment of tcp over IPv6":     {true, stack{ethernet(v6), ip6(frag), fragment6(tcp, 0), syn(1)}},
		"later fragment of tcp over IPv6":     {true, stack{ethernet(v6), ip6(frag), fragment6(tcp, 100), raw(1, 2, 3)}},
		"later fragment of options over IPv6": {true, stack{ethernet(v6), ip6(frag), fragment6(dst, 100), raw(1, 2, 3)}},
		"first fragment of udp over IPv6":     {false, stack{ethernet(v6), ip6(frag), fragment6(udp, 0), datagram}},
		"later fragment of udp over IPv6":     {false, stack{ethernet(v6), ip6(frag), fragment6(udp, 100), raw(1, 2, 3)}},
		"icmp6 too big":                       {true, stack{ethernet(v6), ip6(ping6), icmp(2)}},
		"icmp6 echo":                          {false, stack{ethernet(v6), ip6(ping6), icmp(128)}},
		"icmp6 listener report":               {false, stack{ethernet(v6), ip6(hop), options(ping6, 0), icmp(143)}},
		"icmp6 unreachable behind a header":   {true, stack{ethernet(v6), ip6(hop), options(ping6, 0), icmp(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			f, want := frame(t, c.layers...), 0
			if c.kept {
				want = 1
			}
			capture := a.capture(&file, Options{})
			s.send(f)
			s.send(control)
			_, err := capture.Close()
			require.NoError(t, err)
			assert.Equal(t, want, bytes.Count(file.Bytes(), f))
			assert.Equal(t, 1, bytes.Count(file.Bytes(), control), "the control is always kept")
		})
	}
}
