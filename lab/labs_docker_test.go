//go:build integration && linux

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/engine/docker"
)

// Every lab comes out as it says in containers, too.
func TestLabsInContainers(t *testing.T) {
	require.NoError(t, docker.BuildImages(t.Context(), "..", os.Stderr))
	for _, folder := range labFolders(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) { runLab(t, fourtuple.Docker, folder) })
	}
}
