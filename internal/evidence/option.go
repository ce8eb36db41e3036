package evidence

import "iter"

// An OptionKind is the number of a TCP option in IANA's registry "TCP Option
// Kind Numbers".
type OptionKind uint8

// The kinds that are known by name here.
const (
	OptionEnd           OptionKind = 0   // RFC 9293, section 3.1
	OptionNothing       OptionKind = 1   // RFC 9293, section 3.1
	OptionMSS           OptionKind = 2   // RFC 9293, section 3.7.1
	OptionWindowScale   OptionKind = 3   // RFC 7323, section 2
	OptionSACKPermitted OptionKind = 4   // RFC 2018, section 2
	OptionSACK          OptionKind = 5   // RFC 2018, section 3
	OptionTimestamps    OptionKind = 8   // RFC 7323, section 3
	OptionMD5           OptionKind = 19  // RFC 2385
	OptionAuthenticated OptionKind = 29  // RFC 5925, section 2.2
	OptionMultipath     OptionKind = 30  // RFC 8684, section 3
	OptionFastOpen      OptionKind = 34  // RFC 7413, section 4.1.1
	OptionExperiment1   OptionKind = 253 // RFC 6994
	OptionExperiment2   OptionKind = 254 // RFC 6994
)

// A TCPOption is one option of a TCP header (RFC 9293, section 3.1).
type TCPOption struct {
	Kind OptionKind
	// Value is what follows the option's kind and length.
	Value []byte
}

// TCPOptions gives the options in a header's bytes in their order, without
// those of one byte, which only fill up. It ends at the end-of-options option,
// at the end of the bytes, and before an option whose length goes beyond that
// or is less than an option's own two bytes: what follows it has no beginning.
// The values are parts of b.
func TCPOptions(b []byte) iter.Seq[TCPOption] {
	return func(yield func(TCPOption) bool) {
		for len(b) > 0 && OptionKind(b[0]) != OptionEnd {
			if OptionKind(b[0]) == OptionNothing {
				b = b[1:]
				continue
			}
			if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
				return
			}
			n := b[1]
			if !yield(TCPOption{OptionKind(b[0]), b[2:n:n]}) {
				return
			}
			b = b[n:]
		}
	}
}
