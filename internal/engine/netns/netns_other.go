//go:build !linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// ErrUnsupported is what everything returns elsewhere than on Linux.
var ErrUnsupported = fmt.Errorf("%w: network namespaces are Linux's, and this is %s; use --engine docker",
	errors.ErrUnsupported, runtime.GOOS)

// An Engine makes labs real in network namespaces, which only Linux has.
type Engine struct{}

// Up returns ErrUnsupported.
func (Engine) Up(context.Context, run.Setup) (*run.Network, error) { return nil, ErrUnsupported }

// A Network is a lab that is real; there is none on this system.
type Network struct{}

// Build returns ErrUnsupported.
func Build(context.Context, *topology.Lab, func(done, total int)) (*Network, error) {
	return nil, ErrUnsupported
}

// Host returns nil.
func (*Network) Host(string) *Host { return nil }

// Close returns ErrUnsupported.
func (*Network) Close() error { return ErrUnsupported }

// A Host is a host of a Network; there is none on this system.
type Host struct{}

// Do returns ErrUnsupported.
func (*Host) Do(func() error) error { return ErrUnsupported }

// Start returns ErrUnsupported.
func (*Host) Start(agent.Program) (agent.Process, error) { return nil, ErrUnsupported }

// IsHelper is false.
func IsHelper() bool { return false }

// Helper returns 1.
func Helper() int { return 1 }

// Privileged is false.
func Privileged() bool { return false }

// Supported returns ErrUnsupported.
func Supported() error { return ErrUnsupported }

// Rootless returns ErrUnsupported.
func Rootless() (int, error) { return 0, ErrUnsupported }
