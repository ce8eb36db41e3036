package evidence

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// A decoder finds TCP segments, UDP datagrams and ICMP messages in Ethernet
// frames.
type decoder struct {
	parser *gopacket.DecodingLayerParser
	found  []gopacket.LayerType
	ip4    layers.IPv4
	ip6    layers.IPv6
	skip   extensions
	tcp    layers.TCP
	udp    layers.UDP
	icmp4  layers.ICMPv4
	icmp6  layers.ICMPv6
}

// extensions are the extension headers of IPv6 that are passed over; a
// fragment's is none of them.
type extensions struct{ layers.IPv6ExtensionSkipper }

func (*extensions) CanDecode() gopacket.LayerClass { return skipped }

var skipped = gopacket.NewLayerClass([]gopacket.LayerType{layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination})

func newDecoder() *decoder {
	d := &decoder{parser: gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet)}
	d.parser.IgnoreUnsupported = true
	d.parser.SetDecodingLayerContainer(gopacket.DecodingLayerArray(nil))
	for _, l := range []gopacket.DecodingLayer{
		&layers.Ethernet{}, &layers.Dot1Q{}, &d.ip4, &d.ip6, &d.skip, &d.tcp, &d.udp, &d.icmp4, &d.icmp6,
	} {
		d.parser.AddDecodingLayer(l)
	}
	return d
}

// decode sets what a frame says of a packet; false for a frame that is none of
// ours. Fragments (RFC 791, RFC 8200) are refused: no single one is a packet.
func (d *decoder) decode(p *Packet, data []byte, info gopacket.CaptureInfo) (ours bool, err error) {
	if info.Length < len(data) {
		return false, errors.New("more was captured than was there")
	}
	if err := d.parser.DecodeLayers(data, &d.found); err != nil {
		return false, err
	}
	var source, destination netip.Addr
	var behind []byte // the IP header
	length := 0       // of that, as the header says
	fragmentOf := layers.IPProtocol(0)
	for _, layer := range d.found {
		switch layer {
		case layers.LayerTypeIPv4:
			source, destination, p.TTL = address(d.ip4.SrcIP), address(d.ip4.DstIP), d.ip4.TTL
			behind, length = d.ip4.Payload, int(d.ip4.Length)-len(d.ip4.Contents)
			if d.ip4.NextLayerType() == gopacket.LayerTypeFragment {
				fragmentOf = d.ip4.Protocol
			}
		case layers.LayerTypeIPv6:
			source, destination, p.TTL = address(d.ip6.SrcIP), address(d.ip6.DstIP), d.ip6.HopLimit
			behind, length = d.ip6.Payload, int(d.ip6.Length)
			if d.ip6.HopByHop != nil {
				length -= d.ip6.HopByHop.ActualLength
			}
			if d.ip6.NextLayerType() == layers.LayerTypeIPv6Fragment && len(behind) > 0 {
				fragmentOf = layers.IPProtocol(behind[0])
			}
		case layers.LayerTypeIPv6Routing, layers.LayerTypeIPv6Destination:
			if d.skip.NextHeader == layers.IPProtocolIPv6Fragment && len(d.skip.Payload) > 0 {
				fragmentOf = layers.IPProtocol(d.skip.Payload[0])
			}
		case layers.LayerTypeTCP:
			p.Protocol, p.Payload = TCP, d.tcp.Payload
			p.Source, p.Destination = netip.AddrPortFrom(source, uint16(d.tcp.SrcPort)), netip.AddrPortFrom(destination, uint16(d.tcp.DstPort))
			p.Seq, p.Ack, p.Window = d.tcp.Seq, d.tcp.Ack, d.tcp.Window
			p.Flags = Flags(d.tcp.Contents[13]) // RFC 9293, section 3.1
		case layers.LayerTypeUDP:
			if destination.IsMulticast() && d.udp.DstPort == multicastDNS {
				return false, nil
			}
			p.Protocol, p.Payload = UDP, d.udp.Payload
			p.Source, p.Destination = netip.AddrPortFrom(source, uint16(d.udp.SrcPort)), netip.AddrPortFrom(destination, uint16(d.udp.DstPort))
		case layers.LayerTypeICMPv4:
			code, payload := d.icmp4.TypeCode, d.icmp4.Payload
			if echo := code.Type() == layers.ICMPv4TypeEchoRequest || code.Type() == layers.ICMPv4TypeEchoReply; echo {
				p.message(source, destination, payload)
			} else if errno, ok := errnoOf4(code); ok {
				p.message(source, destination, payload)
				p.quote(errno, payload)
			}
		case layers.LayerTypeICMPv6:
			code, payload := d.icmp6.TypeCode, d.icmp6.Payload
			if len(payload) < 4 { // what ICMP has in its header
				continue
			}
			if echo := code.Type() == layers.ICMPv6TypeEchoRequest || code.Type() == layers.ICMPv6TypeEchoReply; echo {
				p.message(source, destination, payload[4:])
			} else if errno, ok := errnoOf6(code); ok {
				p.message(source, destination, payload[4:])
				p.quote(errno, payload[4:])
			}
		}
	}
	switch fragmentOf {
	case layers.IPProtocolTCP, layers.IPProtocolUDP, layers.IPProtocolICMPv4, layers.IPProtocolICMPv6:
		return false, fmt.Errorf("a fragment of a packet of %s, and fragments are not put together", fragmentOf)
	}
	if p.Protocol == "" {
		return false, nil
	}
	if d.parser.Truncated && len(data) == info.Length {
		return false, errors.New("its headers say more bytes than there are")
	}
	p.Length = max(length-(len(behind)-len(p.Payload)), len(p.Payload))
	return true, nil
}

// multicastDNS is the port on which whatever a machine runs asks for names (RFC
// 6762).
const multicastDNS = 5353

func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}

// message sets what an ICMP message has.
func (p *Packet) message(source, destination netip.Addr, payload []byte) {
	p.Protocol, p.Payload = ICMP, payload
	p.Source, p.Destination = netip.AddrPortFrom(source, 0), netip.AddrPortFrom(destination, 0)
}

// unreachable4 and unreachable6 are what the codes of "destination unreachable"
// become, as the kernel has it (icmp_err_convert, icmpv6_err_convert).
var (
	unreachable4 = [...]string{
		"ENETUNREACH", "EHOSTUNREACH", "ENOPROTOOPT", "ECONNREFUSED", "EMSGSIZE", "EOPNOTSUPP", "ENETUNREACH", "EHOSTDOWN",
		"ENONET", "ENETUNREACH", "EHOSTUNREACH", "ENETUNREACH", "EHOSTUNREACH", "EHOSTUNREACH", "EHOSTUNREACH", "EHOSTUNREACH",
	}
	unreachable6 = [...]string{"ENETUNREACH", "EACCES", "EHOSTUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EACCES", "EACCES"}
)

// errnoOf4 is what an ICMP error (RFC 792) becomes at a socket; false for a
// message that is none.
func errnoOf4(code layers.ICMPv4TypeCode) (string, bool) {
	switch code.Type() {
	case layers.ICMPv4TypeDestinationUnreachable:
		if int(code.Code()) < len(unreachable4) {
			return unreachable4[code.Code()], true
		}
	case layers.ICMPv4TypeTimeExceeded:
		return "EHOSTUNREACH", true
	case layers.ICMPv4TypeParameterProblem:
		return "EPROTO", true
	}
	return "", false
}

// errnoOf6 is the same of ICMPv6 (RFC 4443).
func errnoOf6(code layers.ICMPv6TypeCode) (string, bool) {
	switch code.Type() {
	case layers.ICMPv6TypeDestinationUnreachable:
		if int(code.Code()) < len(unreachable6) {
			return unreachable6[code.Code()], true
		}
		return "EPROTO", true
	case layers.ICMPv6TypePacketTooBig:
		return "EMSGSIZE", true
	case layers.ICMPv6TypeTimeExceeded:
		return "EHOSTUNREACH", true
	case layers.ICMPv6TypeParameterProblem:
		return "EPROTO", true
	}
	return "", false
}

// quote sets what an error says of the packet that it quotes: an IP header and at
// least the 8 bytes behind it.
func (p *Packet) quote(errno string, data []byte) {
	p.ICMP = errno
	var protocol layers.IPProtocol
	var source, destination netip.Addr
	switch {
	case len(data) >= 20 && data[0]>>4 == 4:
		protocol, source, destination = layers.IPProtocol(data[9]), address(data[12:16]), address(data[16:20])
		if binary.BigEndian.Uint16(data[6:])&0x1fff != 0 { // a later fragment
			return
		}
		data = data[min(int(data[0]&15)*4, len(data)):]
	case len(data) >= 40 && data[0]>>4 == 6:
		protocol, source, destination = layers.IPProtocol(data[6]), address(data[8:24]), address(data[24:40])
		data = data[40:]
		for protocol == layers.IPProtocolIPv6HopByHop || protocol == layers.IPProtocolIPv6Routing || protocol == layers.IPProtocolIPv6Destination {
			if len(data) < 8 {
				return
			}
			protocol, data = layers.IPProtocol(data[0]), data[min(int(data[1])*8+8, len(data)):]
		}
	}
	if len(data) < 8 {
		return
	}
	switch protocol {
	case layers.IPProtocolTCP:
		p.QuotedProtocol, p.QuotedSeq = TCP, binary.BigEndian.Uint32(data[4:])
	case layers.IPProtocolUDP:
		p.QuotedProtocol = UDP
	default:
		return
	}
	p.Quoted = FourTuple{
		Source:      netip.AddrPortFrom(source, binary.BigEndian.Uint16(data)),
		Destination: netip.AddrPortFrom(destination, binary.BigEndian.Uint16(data[2:])),
	}
}
