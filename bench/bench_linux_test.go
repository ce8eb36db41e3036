package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/nettest"
)

func TestTable(t *testing.T) {
	took := func(up, down time.Duration) side {
		return side{who: "lab", cost: cost{up * time.Millisecond, down * time.Millisecond}}
	}
	peer := took(200, 260)
	peer.who = "Mininet"
	var out bytes.Buffer
	write(&out, []row{
		{name: "three", subnets: 3, sides: []side{took(6, 40), peer}},
		{name: "hundred", subnets: 100, sides: []side{took(150, 100), {who: "Mininet", missing: need("no-such-tool")}}},
		{name: "proof", sides: []side{took(150, 0)}},
		{name: "broken", sides: []side{{who: "lab", missing: errors.New("no")}, peer}},
	})
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile("testdata/table.golden", out.Bytes(), 0o644))
	}
	want, err := os.ReadFile("testdata/table.golden")
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

func TestMeasureTakesTurns(t *testing.T) {
	var turns string
	does := func(name string, errs error, costs ...cost) side {
		return side{who: name, do: func(context.Context) (cost, error) {
			turns += name
			c := costs[0]
			costs = append(costs[1:], c)
			return c, errs
		}}
	}
	r := row{sides: []side{does("o", nil, cost{9, 9}, cost{2, 3}, cost{1, 1}), does("p", nil, cost{2, 2})}}
	r.measure(t.Context(), 3)
	require.Equal(t, "opopop", turns)
	require.Equal(t, cost{2, 3}, r.sides[0].cost, "the median is a run")

	turns = ""
	r = row{sides: []side{does("o", nil, cost{1, 1}), does("p", need("no-such-tool"), cost{})}}
	r.measure(t.Context(), 3)
	require.Equal(t, "opoo", turns, "a tool that is not there is asked for once")
	require.EqualError(t, r.sides[1].missing, "no-such-tool is not installed")

	r = row{sides: []side{does("o", errors.New("broken"), cost{})}}
	r.measure(t.Context(), 1)
	require.EqualError(t, r.sides[0].missing, "broken")
}

func TestWireOurs(t *testing.T) {
	nettest.Root(t)
	took, err := wireOurs(3)(t.Context())
	require.NoError(t, err)
	require.Positive(t, took.up)
	require.Positive(t, took.down)
}

// Without a tool a peer is said to lack it, and not to be out of reach.
func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := wireMininet(3)(t.Context())
	require.EqualError(t, err, "mn is not installed")
	_, err = composeUp(t.Context())
	require.EqualError(t, err, "docker-compose is not installed")
	_, err = runLab("", "docker")(t.Context())
	require.EqualError(t, err, "docker is not installed")
}

func TestUsage(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, 2, run(t.Context(), []string{"--no-such-flag"}, &out, &errs))
	require.Empty(t, out.String())
	require.Contains(t, errs.String(), "-runs")
}
