//go:build !linux

package netns

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestElsewhere(t *testing.T) {
	n, err := Build(context.Background(), &topology.Lab{}, nil)
	require.Nil(t, n)
	require.ErrorIs(t, err, ErrUnsupported)
	require.ErrorContains(t, err, "use --engine docker")
	require.Nil(t, n.Host("a"))
	require.ErrorIs(t, n.Close(), ErrUnsupported)
	require.ErrorIs(t, n.Host("a").Do(func() error { return nil }), ErrUnsupported)
	_, err = n.Host("a").Start(agent.Program{})
	require.ErrorIs(t, err, ErrUnsupported)
	require.False(t, Privileged())
	require.ErrorIs(t, Supported(), ErrUnsupported)
	_, err = Rootless()
	require.ErrorIs(t, err, ErrUnsupported)
	_, err = Engine{}.Up(context.Background(), run.Setup{})
	require.ErrorIs(t, err, ErrUnsupported)
	require.False(t, IsHelper())
}
