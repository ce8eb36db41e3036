//go:build integration && linux

package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/claim"
)

// labFolders are the labs of labs/.
func labFolders(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join("..", labsFolder, "*", "compose.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for i := range folders {
		folders[i] = filepath.Dir(folders[i])
	}
	return folders
}

// runLab runs a lab, which must come out as it expects.
func runLab(t *testing.T, engine, file string, overrides ...string) fourtuple.Verdict {
	t.Helper()
	lab, err := fourtuple.Load(file, overrides...)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen, err := fourtuple.Run(ctx, lab, fourtuple.Options{
		Engine: engine, Folder: filepath.Join(t.TempDir(), "run"), OnHostError: func(err error) { t.Error(err) },
	})
	require.NoError(t, err)
	v := fourtuple.Judge(seen)
	assert.Equal(t, fourtuple.AsExpected, v.Outcome)
	for _, f := range v.Claims {
		assert.True(t, f.AsExpected, "%s is expected to be %s %s, and %s: %s", f.Claim, f.Expected, f.Missing, f.Outcome, f.Reason)
	}
	return v
}

// Every lab comes out as it says, and under its control otherwise: a claim that
// came out one way comes out the other.
func TestLabs(t *testing.T) {
	needRoot(t)
	for _, folder := range labFolders(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel() // most of a run is waiting
			before := make(map[string]claim.Outcome)
			for _, f := range runLab(t, fourtuple.Netns, folder).Claims {
				before[f.Claim] = f.Outcome
			}
			control := filepath.Join(folder, controlFile)
			require.FileExists(t, control, "a lab without a control has proved nothing")
			changed := 0
			for _, f := range runLab(t, fourtuple.Netns, folder, control).Claims {
				if was := before[f.Claim]; was != f.Outcome && was != fourtuple.NotShown && f.Outcome != fourtuple.NotShown {
					changed++
				}
			}
			assert.NotZero(t, changed, "nothing came out the other way under the control")
		})
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("this needs root")
	}
	t.Skip("this needs root")
}
