//go:build !linux

package netns

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/run"
)

func TestElsewhere(t *testing.T) {
	_, err := Engine{}.Up(context.Background(), run.Setup{})
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, "use --engine docker")
	require.False(t, Privileged())
	require.ErrorIs(t, Supported(), ErrUnsupported)
	_, err = Rootless()
	require.ErrorIs(t, err, ErrUnsupported)
	require.False(t, IsHelper())
}
