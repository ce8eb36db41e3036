//go:build unix

package agent

import (
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// signalNamed is the signal of that name, with or without SIG; SIGTERM for one
// that nobody knows, and for none.
func signalNamed(name string) os.Signal {
	if s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); s != 0 {
		return s
	}
	return syscall.SIGTERM
}
