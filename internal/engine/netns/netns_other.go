//go:build !linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// ErrUnsupported is what everything returns elsewhere than on Linux.
var ErrUnsupported = fmt.Errorf("%w: network namespaces are Linux's, and this is %s; use --engine docker",
	errors.ErrUnsupported, runtime.GOOS)

// Options are what Build does not learn from the lab.
type Options struct {
	Self     string
	Progress func(done, total int)
}

// A Network is a lab that is real; there is none on this system.
type Network struct{}

// Build returns ErrUnsupported.
func Build(context.Context, *topology.Lab, Options) (*Network, error) { return nil, ErrUnsupported }

// Host returns nil.
func (*Network) Host(string) *Host { return nil }

// Close returns ErrUnsupported.
func (*Network) Close() error { return ErrUnsupported }

// A Host is a host of a Network; there is none on this system.
type Host struct{}

// Enter returns ErrUnsupported.
func (*Host) Enter(func() error) error { return ErrUnsupported }

// Start returns ErrUnsupported.
func (*Host) Start(agent.Program) (agent.Process, error) { return nil, ErrUnsupported }

// Privileged is false.
func Privileged() bool { return false }

// Supported returns ErrUnsupported.
func Supported() error { return ErrUnsupported }

// Rootless returns ErrUnsupported.
func Rootless() (int, error) { return 0, ErrUnsupported }
