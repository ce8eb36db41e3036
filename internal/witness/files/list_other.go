//go:build !linux

package files

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// List says that there is no proc(5) here: errors.ErrUnsupported.
func List(_ evidence.Header, _, pid int) ([]evidence.File, error) { return nil, unsupported(pid) }

// Tree says that there is no proc(5) here: errors.ErrUnsupported.
func Tree(_ evidence.Header, _, pid int) ([]evidence.File, error) { return nil, unsupported(pid) }

func unsupported(pid int) error {
	return fmt.Errorf("open files of process %d: %w on %s, it needs linux", pid, errors.ErrUnsupported, runtime.GOOS)
}
