//go:build !linux

package agent

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestHereIsOnLinuxOnly(t *testing.T) {
	_, err := Here{}.Start(Program{Args: []string{"server"}})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorIs(t, Here{}.Enter(func() error { return nil }), errors.ErrUnsupported)
	require.ErrorIs(t, setRoutes(topology.Host{}), errors.ErrUnsupported)
}
