//go:build !linux

package nat

import (
	"fmt"
	"runtime"
)

// Masquerade returns an error: only Linux has nftables.
func Masquerade([]string) error {
	return fmt.Errorf("masquerade: nftables is Linux's; this is %s", runtime.GOOS)
}
