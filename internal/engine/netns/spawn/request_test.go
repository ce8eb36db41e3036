package spawn

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestRoundTrip(t *testing.T) {
	for name, r := range map[string]Request{
		"empty": {Args: []string{}, Environment: []string{}},
		"full": {
			Kind: Engine, User: 65534, File: "/proc/self/exe", As: "server",
			Args: []string{"lab", "server", "", "two words\n"}, Environment: []string{"A=1", "B="},
			Directory: "/tmp", Hostname: "client1", Hosts: "127.0.0.1\tlocalhost\n",
		},
		"same user": {User: -1, Args: []string{"x"}, Environment: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := r.Encode()
			require.NoError(t, err)
			length, fields, ok := bytes.Cut(text, []byte("\n"))
			require.True(t, ok)
			require.Equal(t, string(length), strconv.Itoa(len(fields)))
			got, err := Decode(fields)
			require.NoError(t, err)
			require.Equal(t, r, got)
		})
	}
}

func TestRequestRefusesZeroBytes(t *testing.T) {
	_, err := Request{Args: []string{"a\x00b"}}.Encode()
	require.ErrorContains(t, err, "zero byte")
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{
		"", "\x00", "0\x000\x00\x00\x00\x00\x00\x00", "0\x000\x00\x00\x00\x00\x00\x001\x00",
		"0\x000\x00\x00\x00\x00\x00\x00-1\x00", "x\x000\x00\x00\x00\x00\x00\x000\x00",
		"0\x000\x00\x00\x00\x00\x00\x000",
	} {
		_, err := Decode([]byte(text))
		require.Error(t, err, "%q", text)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("0\x0065534\x00\x00\x00/\x00h\x00\x001\x00true\x00A=1\x00"))
	f.Add([]byte("0\x000\x00\x00\x00\x00\x00\x009\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Decode(text)
		if err != nil {
			return
		}
		again, err := r.Encode()
		require.NoError(t, err, "what was decoded has no zero bytes")
		_, fields, _ := bytes.Cut(again, []byte("\n"))
		second, err := Decode(fields)
		require.NoError(t, err)
		require.Equal(t, r, second)
	})
}
