package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/engine/netns"
)

func TestWireOurs(t *testing.T) {
	if !netns.Privileged() {
		if os.Getenv("CI") == "true" {
			t.Fatal("this needs root, and CI=true promises it")
		}
		t.Skip("this needs root")
	}
	took, err := wireOurs(3)(t.Context())
	require.NoError(t, err)
	require.Positive(t, took.up)
	require.Positive(t, took.down)
}
