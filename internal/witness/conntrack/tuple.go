package conntrack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Attributes of linux/netfilter/nfnetlink_conntrack.h.
const (
	tupleOriginal = 1
	tupleReply    = 2

	tupleAddresses = 1
	tupleProtocol  = 2

	source4      = 1
	destination4 = 2
	source6      = 3
	destination6 = 4

	protocolNumber  = 1
	sourcePort      = 2
	destinationPort = 3

	protocolTCP = 6

	// sizeofFamilyHeader is the length of struct nfgenmsg in bytes.
	sizeofFamilyHeader = 4
)

var errIncomplete = errors.New("entry lacks an address or a port")

// An entry is one connection that the kernel tracks.
type entry struct {
	// original is sent by who began the connection, reply by the other.
	original, reply evidence.FourTuple
}

// translated tells whether the reply is anything but the original turned round.
func (e entry) translated() bool { return e.reply != e.original.Reverse() }

// parseEntry reads the body of one message: a family header, then attributes.
// The connection is not TCP where ok is false.
func parseEntry(body []byte) (e entry, ok bool, err error) {
	if len(body) < sizeofFamilyHeader {
		return entry{}, false, fmt.Errorf("entry of %d bytes is cut short", len(body))
	}
	attributes, err := netlink.NewAttributeDecoder(body[sizeofFamilyHeader:])
	if err != nil {
		return entry{}, false, err
	}
	var original, reply tuple
	for attributes.Next() {
		switch attributes.Type() {
		case tupleOriginal:
			attributes.Nested(original.decode)
		case tupleReply:
			attributes.Nested(reply.decode)
		}
	}
	if err := attributes.Err(); err != nil {
		return entry{}, false, err
	}
	if original.protocol != protocolTCP {
		return entry{}, false, nil
	}
	e = entry{original.endpoints(), reply.endpoints()}
	if !e.original.IsValid() || !e.reply.IsValid() {
		return entry{}, false, errIncomplete
	}
	return e, true, nil
}

// A tuple is one direction of a connection.
type tuple struct {
	source, destination         netip.Addr
	sourcePort, destinationPort uint16
	protocol                    uint8
}

func (t *tuple) endpoints() evidence.FourTuple {
	return evidence.FourTuple{
		Source:      netip.AddrPortFrom(t.source, t.sourcePort),
		Destination: netip.AddrPortFrom(t.destination, t.destinationPort),
	}
}

func (t *tuple) decode(attributes *netlink.AttributeDecoder) error {
	attributes.ByteOrder = binary.BigEndian
	for attributes.Next() {
		switch attributes.Type() {
		case tupleAddresses:
			attributes.Nested(t.decodeAddresses)
		case tupleProtocol:
			attributes.Nested(t.decodeProtocol)
		}
	}
	return nil
}

func (t *tuple) decodeAddresses(attributes *netlink.AttributeDecoder) error {
	for attributes.Next() {
		address, ok := netip.AddrFromSlice(attributes.Bytes())
		switch attributes.Type() {
		case source4, source6:
			t.source = address.Unmap()
		case destination4, destination6:
			t.destination = address.Unmap()
		default:
			continue
		}
		if !ok {
			return errIncomplete
		}
	}
	return nil
}

func (t *tuple) decodeProtocol(attributes *netlink.AttributeDecoder) error {
	attributes.ByteOrder = binary.BigEndian
	for attributes.Next() {
		switch attributes.Type() {
		case protocolNumber:
			t.protocol = attributes.Uint8()
		case sourcePort:
			t.sourcePort = attributes.Uint16()
		case destinationPort:
			t.destinationPort = attributes.Uint16()
		}
	}
	return nil
}
