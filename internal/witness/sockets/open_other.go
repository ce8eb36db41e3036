//go:build !linux

package sockets

import (
	"errors"
	"fmt"
	"runtime"
)

// Open says that there is no sock_diag(7) here: errors.ErrUnsupported.
func Open() (*Table, error) {
	return nil, fmt.Errorf("open socket table: %w on %s, it needs linux", errors.ErrUnsupported, runtime.GOOS)
}
