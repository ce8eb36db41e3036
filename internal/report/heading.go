package report

import "strings"

// heading is the line above a host's view, "HOST:"; nothing where the caller
// shows one host only and gives no name.
func heading(b *strings.Builder, host string) {
	if host != "" {
		b.WriteString(printable(host) + ":\n")
	}
}
