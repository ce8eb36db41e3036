//go:build !linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/fourtuple/fourtuple/internal/run"
)

// ErrUnsupported is what everything returns elsewhere than on Linux.
var ErrUnsupported = fmt.Errorf("%w: network namespaces are Linux's, and this is %s; use --engine docker",
	errors.ErrUnsupported, runtime.GOOS)

// An Engine makes labs real in network namespaces, which only Linux has.
type Engine struct{}

// Up returns ErrUnsupported.
func (Engine) Up(context.Context, run.Setup) (*run.Network, error) { return nil, ErrUnsupported }

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

// Version is the engine's name.
func (Engine) Version(context.Context) (string, error) { return "netns", nil }
