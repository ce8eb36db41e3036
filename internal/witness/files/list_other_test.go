//go:build !linux

package files

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func TestListIsUnsupported(t *testing.T) {
	for _, look := range []func(evidence.Header, int, int) ([]evidence.File, error){List, Tree} {
		rows, err := look(evidence.Header{}, 1, 7)
		require.Nil(t, rows)
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, "open files of process 7: ")
	}
}
