//go:build !linux

package conntrack

import (
	"errors"
	"fmt"
	"runtime"
)

// Open says that there is no ctnetlink here: errors.ErrUnsupported.
func Open() (*Table, error) {
	return nil, fmt.Errorf("open conntrack table: %w on %s, it needs linux", errors.ErrUnsupported, runtime.GOOS)
}
