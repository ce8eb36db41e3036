package evidence

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTCPOptions(t *testing.T) {
	mss := TCPOption{OptionMSS, []byte{5, 180}}
	for name, c := range map[string]struct {
		bytes []byte
		want  []TCPOption
	}{
		"none": {nil, nil},
		"as Linux sends them in a SYN": {
			[]byte{2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7},
			[]TCPOption{mss, {OptionSACKPermitted, []byte{}}, {OptionTimestamps, []byte{1, 2, 3, 4, 5, 6, 7, 8}}, {OptionWindowScale, []byte{7}}},
		},
		"in another order":      {[]byte{3, 3, 7, 1, 2, 4, 5, 180}, []TCPOption{{OptionWindowScale, []byte{7}}, mss}},
		"of one kind twice":     {[]byte{2, 4, 5, 180, 2, 4, 5, 180}, []TCPOption{mss, mss}},
		"of an unknown kind":    {[]byte{77, 3, 9, 1}, []TCPOption{{77, []byte{9}}}},
		"up to the end":         {[]byte{2, 4, 5, 180, 0, 2, 4, 5, 180}, []TCPOption{mss}},
		"nothing but filling":   {[]byte{1, 1, 1, 1}, nil},
		"without a length":      {[]byte{2, 4, 5, 180, 3}, []TCPOption{mss}},
		"of no length":          {[]byte{2, 4, 5, 180, 3, 0, 1, 1}, []TCPOption{mss}},
		"shorter than possible": {[]byte{2, 4, 5, 180, 3, 1, 1, 1}, []TCPOption{mss}},
		"longer than there is":  {[]byte{2, 4, 5, 180, 3, 4, 7}, []TCPOption{mss}},
		"as long as there is":   {[]byte{2, 4, 5, 180}, []TCPOption{mss}},
	} {
		require.Equal(t, c.want, slices.Collect(TCPOptions(c.bytes)), name)
	}
}

func TestTCPOptionsStopsWhenAsked(t *testing.T) {
	for o := range TCPOptions([]byte{4, 2, 2, 4, 5, 180}) {
		require.Equal(t, OptionSACKPermitted, o.Kind)
		break
	}
}

// Written again, the options are a part of what they were read from.
func FuzzTCPOptions(f *testing.F) {
	f.Add([]byte{2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7})
	f.Add([]byte{1, 1, 5, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 3})
	f.Add([]byte{3, 0, 3, 1, 3, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		rest := b
		for o := range TCPOptions(b) {
			rest = bytes.TrimLeft(rest, "\x01")
			written := append([]byte{byte(o.Kind), byte(len(o.Value) + 2)}, o.Value...)
			if o.Kind <= OptionNothing || !bytes.HasPrefix(rest, written) {
				t.Fatalf("%v of %v", o, rest)
			}
			rest = rest[len(written):]
		}
	})
}
