package socket

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// tracedBytes is how much of a payload strace shows.
const tracedBytes = 32

// pretty is the call as strace(1) prints it, but that what waits has "?" for a
// result, and that buffers which nothing came into are "...".
func (r *result) pretty() string {
	text := r.traced + "(" + r.arguments + ") = "
	switch {
	case r.waiting:
		return text + fmt.Sprintf("? (waiting: no answer within %v)", r.within)
	case r.errno != 0:
		return text + fmt.Sprintf("-1 %s (%s)", unix.ErrnoName(r.errno), capital(r.errno.Error()))
	case r.call == "exit":
		return text + "?"
	}
	return text + strconv.FormatInt(r.value, 10)
}

// capital begins a sentence, as the C library has them: Go's begin small.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func traceAddress(at unix.Sockaddr) string {
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		return fmt.Sprintf("{sa_family=AF_INET, sin_port=htons(%d), sin_addr=inet_addr(%q)}", at.Port, netip.AddrFrom4(at.Addr))
	case *unix.SockaddrInet6:
		return fmt.Sprintf("{sa_family=AF_INET6, sin6_port=htons(%d), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, %q, &sin6_addr), sin6_scope_id=%d}",
			at.Port, netip.AddrFrom16(at.Addr), at.ZoneId)
	}
	return "NULL"
}

// addressLength is the length of the C structure.
func addressLength(at unix.Sockaddr) string {
	if _, ok := at.(*unix.SockaddrInet6); ok {
		return strconv.Itoa(unix.SizeofSockaddrInet6)
	}
	return strconv.Itoa(unix.SizeofSockaddrInet4)
}

// traceEnd is an address that the kernel fills in, and its length.
func traceEnd(at unix.Sockaddr, err error) string {
	if err != nil {
		return "..., [...]"
	}
	return traceAddress(at) + ", [" + addressLength(at) + "]"
}

// traceData quotes as strace does: octal numbers for what cannot be printed.
func traceData(data []byte) string {
	var text strings.Builder
	short := map[byte]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\v': `\v`, '\f': `\f`, '"': `\"`, '\\': `\\`}
	shown := data[:min(len(data), tracedBytes)]
	for i, b := range shown {
		escaped, special := short[b]
		switch {
		case special:
			text.WriteString(escaped)
		case b >= ' ' && b < 0x7f:
			text.WriteByte(b)
		case i+1 < len(shown) && shown[i+1] >= '0' && shown[i+1] <= '9':
			fmt.Fprintf(&text, `\%03o`, b)
		default:
			fmt.Fprintf(&text, `\%o`, b)
		}
	}
	if len(data) > tracedBytes {
		return `"` + text.String() + `"...`
	}
	return `"` + text.String() + `"`
}
