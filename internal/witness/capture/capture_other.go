//go:build !linux

package capture

import (
	"errors"
	"io"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

var errNotLinux = errors.New("capture packets: only Linux can")

// A Capture cannot exist here.
type Capture struct{}

// Open returns an error that says that only Linux can capture.
func Open([]evidence.Interface, io.Writer, Options) (*Capture, error) { return nil, errNotLinux }

// Drain returns the error of Open.
func (*Capture) Drain() error { return errNotLinux }

// Close returns the error of Open.
func (*Capture) Close() (Stats, error) { return Stats{}, errNotLinux }
