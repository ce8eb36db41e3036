//go:build integration && linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/agent"
	"github.com/fourtuple/fourtuple/internal/claim"
)

// labFolders are the labs of labs/, in learning order.
func labFolders(t *testing.T) (folders []string) {
	t.Helper()
	labs := filepath.Join("..", labsFolder)
	c, err := readCourse(labs)
	require.NoError(t, err)
	for _, g := range c.Groups {
		for _, name := range g.Labs {
			folders = append(folders, filepath.Join(labs, name))
		}
	}
	require.NotEmpty(t, folders)
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
	checkExpected(t, v)
	return v
}

func checkExpected(t *testing.T, v fourtuple.Verdict) {
	t.Helper()
	assert.Equal(t, fourtuple.AsExpected, v.Outcome)
	for _, f := range v.Claims {
		assert.True(t, f.AsExpected, "%s is expected to be %s %s, and %s: %s", f.Claim, f.Expected, f.Missing, f.Outcome, f.Reason)
	}
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

// Every lab comes out so for an ordinary user, too, to whom it leaves the run and
// nothing else.
func TestLabsAsOrdinaryUser(t *testing.T) {
	needRoot(t)                               // to be another user
	home, err := os.MkdirTemp("", "ordinary") // t.TempDir is closed to others
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(home)) })
	lab := filepath.Join(home, "lab")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", lab, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.CopyFS(filepath.Join(home, labsFolder), os.DirFS(filepath.Join("..", labsFolder))))
	out, err = exec.CommandContext(t.Context(), "chmod", "-R", "a+rX", home).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, folder := range labFolders(t) {
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := filepath.Join(home, "runs-"+name)
			require.NoError(t, os.Mkdir(runs, 0o700))
			require.NoError(t, os.Chmod(runs, 0o777)) // whatever the umask
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			run := exec.CommandContext(ctx, lab, "run", name, "--engine", fourtuple.Netns, "--json", "--out", filepath.Join(runs, "run"))
			run.Dir = home
			run.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: agent.UnprivilegedID, Gid: agent.UnprivilegedID}}
			run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
			run.WaitDelay = 20 * time.Second
			var stderr strings.Builder
			run.Stderr = &stderr
			stdout, failed := run.Output()
			if os.Getenv("CI") == "" && strings.Contains(stderr.String(), "forbids ordinary users") {
				t.Skip(stderr.String())
			}
			assert.NoError(t, failed, "%s", stderr.String())
			var v fourtuple.Verdict
			require.NoError(t, json.Unmarshal(stdout, &v), "%s", stdout)
			checkExpected(t, v)
			left, err := os.ReadDir(runs)
			require.NoError(t, err)
			require.Len(t, left, 1)
			assert.Equal(t, "run", left[0].Name())
			info, err := left[0].Info()
			require.NoError(t, err)
			assert.EqualValues(t, agent.UnprivilegedID, info.Sys().(*syscall.Stat_t).Uid)
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
