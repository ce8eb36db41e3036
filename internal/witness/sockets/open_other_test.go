//go:build !linux

package sockets

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenIsUnsupported(t *testing.T) {
	table, err := Open()
	require.Nil(t, table)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "open socket table: ")
}
