//go:build !linux

package netns

import (
	"context"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// An Engine makes labs real in network namespaces, which only Linux has.
type Engine struct {
	// Wiring, if set, is told how far the wiring is.
	Wiring func(done, total int)
}

// Run returns ErrUnsupported.
func (Engine) Run(context.Context, *topology.Lab, string, run.Options) error {
	return ErrUnsupported
}
