package files

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// commandLength is how much of a command lsof prints, in characters.
const commandLength = 9

// printable writes a name as lsof does in a UTF-8 locale (safestrprt in its
// misc.c): backslashes and what cannot be printed are written as escapes.
func printable(name string) string {
	if strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) < 0 {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		if size > 1 && unicode.IsPrint(r) {
			b.WriteString(name[:size])
		} else {
			for _, c := range []byte(name[:size]) {
				b.WriteString(printableByte(c))
			}
		}
		name = name[size:]
	}
	return b.String()
}

// printableCommand is the command's column: blanks are escaped too, characters
// beyond ASCII are bytes, and no escape is cut in two.
func printableCommand(command string) string {
	var b strings.Builder
	for _, c := range []byte(command) {
		text := printableByte(c)
		if c == ' ' {
			text = `\x20`
		}
		if b.Len()+len(text) > commandLength {
			break
		}
		b.WriteString(text)
	}
	return b.String()
}

func printableByte(c byte) string {
	switch {
	case c == '\\':
		return `\\`
	case c >= ' ' && c <= '~':
		return string(rune(c))
	case c < ' ':
		if i := strings.IndexByte("\b\f\n\r\t", c); i >= 0 {
			return `\` + "bfnrt"[i:i+1]
		}
		return "^" + string(rune(c+'@'))
	}
	return fmt.Sprintf(`\x%02x`, c)
}
