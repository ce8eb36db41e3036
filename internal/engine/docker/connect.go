package docker

import (
	"context"
	"errors"

	"github.com/fourtuple/fourtuple/internal/run"
)

// connect makes a host of the stream to its agent.
func connect(ctx context.Context, s run.Setup, name string, stream *stream) (run.Host, error) {
	return nil, errors.ErrUnsupported
}
