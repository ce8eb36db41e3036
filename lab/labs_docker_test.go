//go:build integration && linux

package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/engine/docker"
)

var allLabs = flag.Bool("all-labs", false, "run every lab in containers, and not every third only")

// Labs come out as they say in containers, too. Every third takes long enough,
// and some of each kind are among them.
func TestLabsInContainers(t *testing.T) {
	require.NoError(t, docker.BuildImages(t.Context(), "..", os.Stderr))
	for i, folder := range labFolders(t) {
		if i%3 != 0 && !*allLabs {
			continue
		}
		t.Run(filepath.Base(folder), func(t *testing.T) { runLab(t, fourtuple.Docker, folder) })
	}
}
