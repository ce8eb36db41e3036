//go:build !linux

package capture

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyLinuxCaptures(t *testing.T) {
	c, err := Open(nil, io.Discard, Options{})
	require.Nil(t, c)
	require.EqualError(t, err, "capture packets: only Linux can")
}
