//go:build !linux

package witness

import (
	"errors"
	"io"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A Capture writes all packets of a host's interfaces to a pcapng file.
type Capture struct{}

// OpenCapture is not supported.
func OpenCapture([]evidence.Interface, io.Writer) (*Capture, error) {
	return nil, errors.ErrUnsupported
}

// Close is not supported.
func (c *Capture) Close() (CaptureStats, error) { return CaptureStats{}, errors.ErrUnsupported }

// A SocketTable is the kernel's table of TCP and UDP sockets (sock_diag(7)).
type SocketTable struct{}

// OpenSocketTable is not supported.
func OpenSocketTable() (*SocketTable, error) { return nil, errors.ErrUnsupported }

// Dump is not supported.
func (t *SocketTable) Dump() ([]evidence.Socket, error) { return nil, errors.ErrUnsupported }

// Close is not supported.
func (t *SocketTable) Close() error { return errors.ErrUnsupported }

// A ConntrackTable is the kernel's table of tracked connections.
type ConntrackTable struct{}

// OpenConntrackTable is not supported.
func OpenConntrackTable() (*ConntrackTable, error) { return nil, errors.ErrUnsupported }

// Dump is not supported.
func (t *ConntrackTable) Dump() ([]evidence.Translation, error) { return nil, errors.ErrUnsupported }

// Close is not supported.
func (t *ConntrackTable) Close() error { return errors.ErrUnsupported }

// OpenFiles is not supported.
func OpenFiles(int) ([]evidence.File, error) { return nil, errors.ErrUnsupported }

// Interfaces is not supported.
func Interfaces() ([]evidence.Interface, error) { return nil, errors.ErrUnsupported }
