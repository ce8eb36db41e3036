package report

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// experimentFastOpen is TCP Fast Open's identifier of its time as an experiment
// (RFC 7413, appendix A).
const experimentFastOpen = 0xf989

// optionsInfo are a segment's options as they end tshark's Info column, in the
// order of the header. The edges of selective acknowledgements count from the
// number that edge is.
func optionsInfo(options []byte, edge uint32) string {
	var b strings.Builder
	for o := range evidence.TCPOptions(options) {
		b.WriteString(optionInfo(o, edge))
	}
	return b.String()
}

// optionInfo is empty for an option of a length that its kind does not have.
func optionInfo(o evidence.TCPOption, edge uint32) string {
	v := o.Value
	switch o.Kind {
	case evidence.OptionMSS:
		return numbersInfo(v, 2, "MSS")
	case evidence.OptionWindowScale:
		if shift, ok := windowShift(o); ok {
			return fmt.Sprintf(" WS=%d", 1<<shift)
		}
	case evidence.OptionSACKPermitted:
		return " SACK_PERM"
	case evidence.OptionSACK:
		return edgesInfo(v, edge)
	case evidence.OptionTimestamps:
		return numbersInfo(v, 4, "TSval", "TSecr")
	case evidence.OptionMD5:
		return " MD5"
	case evidence.OptionAuthenticated:
		return "TCP AO" // and no blank before it
	case evidence.OptionFastOpen:
		return fastOpenInfo(v)
	case evidence.OptionExperiment1, evidence.OptionExperiment2:
		return experimentInfo(v)
	}
	return ""
}

// windowShift is by how many bits a window scale option shifts, no more than
// 14 (RFC 7323, section 2.3).
func windowShift(o evidence.TCPOption) (shift uint8, ok bool) {
	if o.Kind != evidence.OptionWindowScale || len(o.Value) != 1 {
		return 0, false
	}
	return min(o.Value[0], 14), true
}

// numbersInfo names the numbers of a value, each of which has so many bytes.
func numbersInfo(value []byte, bytes int, names ...string) string {
	if len(value) != bytes*len(names) {
		return ""
	}
	var b strings.Builder
	for i, name := range names {
		var n uint32
		for _, octet := range value[i*bytes:][:bytes] {
			n = n<<8 | uint32(octet)
		}
		fmt.Fprintf(&b, " %s=%d", name, n)
	}
	return b.String()
}

func edgesInfo(value []byte, edge uint32) string {
	var b strings.Builder
	for ; len(value) >= 8; value = value[8:] {
		left, right := binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:])
		fmt.Fprintf(&b, " SLE=%d SRE=%d", left-edge, right-edge)
	}
	return b.String()
}

// fastOpenInfo tells a request for a cookie from a cookie.
func fastOpenInfo(cookie []byte) string {
	if len(cookie) == 0 {
		return " TFO=R"
	}
	return " TFO=C"
}

func experimentInfo(value []byte) string {
	if len(value) < 2 {
		return ""
	}
	if id := binary.BigEndian.Uint16(value); id != experimentFastOpen {
		return fmt.Sprintf(" ExID=%X", id)
	}
	return fastOpenInfo(value[2:])
}
