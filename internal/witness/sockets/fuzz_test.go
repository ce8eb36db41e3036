package sockets

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRead feeds one datagram to a walk. Whatever it holds, the walk comes to
// its end and has no more rows than the datagram has room for.
func FuzzRead(f *testing.F) {
	f.Add(datagram(rowMessage(7, 0, 12000), doneMessage(7)))
	f.Add(datagram(rowMessage(7, flagDumpInterrupted, 1), encode(kindError, 0, 7, errnoBody(1))))
	f.Add(datagram(rowMessage(6, 0, 1), rowMessage(7, 0, 2))[:150])
	f.Add([]byte{17, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := walk{}
		_, _ = d.read(b, 7)
		require.LessOrEqual(t, len(d.rows)*(sizeofMessageHeader+sizeofRow), len(b))
		for _, row := range d.rows {
			require.NotEmpty(t, row.State)
			require.True(t, row.Local.IsValid() && row.Remote.IsValid())
			require.False(t, row.Local.Addr().Is4In6() || row.Remote.Addr().Is4In6())
		}
	})
}

// FuzzNextMessage takes a datagram apart: every message shortens it.
func FuzzNextMessage(f *testing.F) {
	f.Add(datagram(rowMessage(7, 0, 12000), doneMessage(7)))
	f.Add([]byte{16, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			m, rest, err := nextMessage(b)
			if err != nil {
				require.ErrorIs(t, err, errCutShort)
				return
			}
			require.LessOrEqual(t, len(m.body)+sizeofMessageHeader+len(rest), len(b))
			b = rest
		}
	})
}
