//go:build !linux

package nat

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMasqueradeElsewhere(t *testing.T) {
	require.ErrorContains(t, Masquerade([]string{"eth0"}), "nftables is Linux's")
}
