package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	milli := func(up, down float64) cost { return cost{seconds(up / 1000), seconds(down / 1000)} }
	var out bytes.Buffer
	require.NoError(t, write(&out, []result{
		{row: row{name: "three", subnets: 3, peerName: "Mininet"}, ours: milli(6, 40), peer: milli(200, 260)},
		{row: row{name: "hundred", subnets: 100}, ours: milli(150, 100)},
		{row: row{name: "thousand", subnets: 1000}, ours: milli(1800, 700)},
		{row: row{name: "proof"}, ours: milli(150, 0)},
		{row: row{name: "broken"}, err: errors.New("no")},
	}))
	want, err := os.ReadFile("testdata/table.golden")
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile("testdata/table.golden", out.Bytes(), 0o644))
		return
	}
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

func TestMedianIsARun(t *testing.T) {
	require.Equal(t, cost{2, 3}, median([]cost{{9, 9}, {2, 3}, {1, 1}}))
	require.Equal(t, cost{}, median(nil))
}

func TestMeasureTakesTurns(t *testing.T) {
	var turns string
	turn := func(name string, c cost, err error) measurement {
		return func(context.Context) (cost, error) { turns += name; return c, err }
	}
	r := row{ours: turn("o", cost{1, 1}, nil), peer: turn("p", cost{2, 2}, nil)}.measure(t.Context(), 3)
	require.Equal(t, "opopop", turns)
	require.NoError(t, r.err)
	require.Equal(t, cost{2, 2}, r.peer)

	turns = ""
	r = row{ours: turn("o", cost{1, 1}, nil), peer: turn("p", cost{}, errNoPeer)}.measure(t.Context(), 3)
	require.Equal(t, "opoo", turns, "who is not there is asked once")
	require.NoError(t, r.err)
	require.Equal(t, cost{}, r.peer)

	broken := errors.New("broken")
	require.ErrorIs(t, row{ours: turn("o", cost{}, broken)}.measure(t.Context(), 3).err, broken)
	require.ErrorIs(t, row{ours: turn("o", cost{}, nil), peer: turn("p", cost{}, broken)}.measure(t.Context(), 3).err, broken)
}

func TestReadMininet(t *testing.T) {
	c, err := readMininet([]byte(`{"up": 0.25, "down": 0.5, "reached": true}`))
	require.NoError(t, err)
	require.Equal(t, cost{250 * time.Millisecond, 500 * time.Millisecond}, c)
	_, err = readMininet([]byte(`{"up": 0.25, "down": 0.5, "reached": false}`))
	require.ErrorContains(t, err, "does not reach")
	_, err = readMininet([]byte("Traceback"))
	require.Error(t, err)
}

func TestUsage(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, 2, run(t.Context(), []string{"--no-such-flag"}, &out, &errs))
	require.Empty(t, out.String())
	require.Contains(t, errs.String(), "-runs")
}
