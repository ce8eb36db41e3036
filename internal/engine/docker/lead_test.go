//go:build unix

package docker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLabIsReadToItsEnd(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("a: b\n...\nup\n"))
	text, err := readLab(in)
	require.NoError(t, err)
	assert.Equal(t, "a: b\n", string(text))
	rest, err := io.ReadAll(in)
	require.NoError(t, err)
	assert.Equal(t, "up\n", string(rest))
}

func TestALabThatIsCutShort(t *testing.T) {
	for _, text := range []string{"", "a: b", "a: b\n", "a: b\n..", " ...\n"} {
		_, err := readLab(bufio.NewReader(strings.NewReader(text)))
		require.ErrorContains(t, err, `it ends before the line "..."`, "%q", text)
	}
	_, err := readLab(bufio.NewReader(iotest.ErrReader(errors.New("torn"))))
	require.EqualError(t, err, "read the lab from standard input: torn")
}

func FuzzLab(f *testing.F) {
	for _, seed := range []string{"", "a: b\n", "a: b", "a: |\n  ...\n", "\n\n", "a: \"...\"\n", "\x00", "a\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for line := range strings.Lines(string(text)) {
			if strings.TrimRight(line, "\r\n") == endOfLab {
				return // no mapping of YAML has such a line
			}
		}
		var written bytes.Buffer
		require.NoError(t, writeLab(&written, text))
		read, err := readLab(bufio.NewReader(iotest.OneByteReader(&written)))
		require.NoError(t, err)
		want := string(text)
		if !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		assert.Equal(t, want, string(read))
	})
}

func TestAConductorWithoutALab(t *testing.T) {
	folder := t.TempDir()
	err := Conduct(context.Background(), folder, false, strings.NewReader("services: [\n...\n"), io.Discard)
	require.ErrorContains(t, err, "lab.yml")
	require.ErrorContains(t, Conduct(context.Background(), folder, false, strings.NewReader(""), io.Discard), "ends before")
}

func TestAConductorThatIsLetGoBeforeTheHostsRun(t *testing.T) {
	folder := t.TempDir()
	var in bytes.Buffer
	require.NoError(t, writeLab(&in, near(t).Source))
	require.ErrorIs(t, Conduct(context.Background(), folder, false, &in, io.Discard), errEnded)
	left, err := filepath.Glob(filepath.Join(folder, ".*"))
	require.NoError(t, err)
	assert.Empty(t, left, "and no host takes the folder for a conductor's")
}
