//go:build !linux

package witness

import (
	"errors"
	"io"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// Capture, SocketTable and ConntrackTable exist on Linux only.
type (
	Capture        struct{}
	SocketTable    struct{}
	ConntrackTable struct{}
)

// OpenCapture is not supported.
func OpenCapture([]evidence.Interface, io.Writer) (*Capture, error) {
	return nil, errors.ErrUnsupported
}

// OpenSocketTable is not supported.
func OpenSocketTable() (*SocketTable, error) { return nil, errors.ErrUnsupported }

// OpenConntrackTable is not supported.
func OpenConntrackTable() (*ConntrackTable, error) { return nil, errors.ErrUnsupported }

// OpenFiles is not supported.
func OpenFiles(int) ([]evidence.File, error) { return nil, errors.ErrUnsupported }

// ProcessOf finds no process.
func ProcessOf(int, int) (int, bool) { return 0, false }

// Interfaces is not supported.
func Interfaces() ([]evidence.Interface, error) { return nil, errors.ErrUnsupported }

func (*Capture) Close() (CaptureStats, error)                 { return CaptureStats{}, errors.ErrUnsupported }
func (*SocketTable) Dump() ([]evidence.Socket, error)         { return nil, errors.ErrUnsupported }
func (*SocketTable) Close() error                             { return errors.ErrUnsupported }
func (*ConntrackTable) Dump() ([]evidence.Translation, error) { return nil, errors.ErrUnsupported }
func (*ConntrackTable) Close() error                          { return errors.ErrUnsupported }
