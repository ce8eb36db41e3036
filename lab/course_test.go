package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

var update = flag.Bool("update", false, "write labs/README.md and labs/README.ko.md anew")

// Every lab is in the course once.
func TestCourse(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", labsFolder, courseFile))
	require.NoError(t, err)
	var c course
	require.NoError(t, yaml.Unmarshal(text, &c))
	var names []string
	for _, g := range c.Groups {
		assert.NotEmpty(t, g.Title.EN)
		assert.NotEmpty(t, g.Title.KO)
		names = append(names, g.Labs...)
	}
	slices.Sort(names)
	assert.Equal(t, slices.Compact(slices.Clone(names)), names)
	assert.Equal(t, labNames(filepath.Join("..", labsFolder)), names)
}

// The index of the labs is what the labs say.
func TestCourseIsCurrent(t *testing.T) {
	for name, l := range map[string]topology.Language{"README.md": topology.English, "README.ko.md": topology.Korean} {
		var b bytes.Buffer
		require.NoError(t, writeCourse(&b, filepath.Join("..", labsFolder), l))
		file := filepath.Join("..", labsFolder, name)
		if *update {
			require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, b.String(), string(text), "go test ./lab -run Course -update writes it anew")
	}
}

// The language of messages is the locale's where labs are written in it.
func TestLocaleLanguage(t *testing.T) {
	for _, test := range []struct {
		all, messages, lang string
		want                topology.Language
	}{
		{"", "", "", topology.English},
		{"", "", "ko_KR.UTF-8", topology.Korean},
		{"", "ko", "en_US.UTF-8", topology.Korean},
		{"", "C.UTF-8", "ko_KR.UTF-8", topology.English},
		{"ko.UTF-8", "C.UTF-8", "de_DE", topology.Korean},
		{"kok_IN", "", "ko_KR", topology.English},
	} {
		t.Setenv("LC_ALL", test.all)
		t.Setenv("LC_MESSAGES", test.messages)
		t.Setenv("LANG", test.lang)
		assert.Equal(t, test.want, localeLanguage(), "%+v", test)
	}
}

// How long a run took is known of the last one that was finished.
func TestLastRun(t *testing.T) {
	folder := t.TempDir()
	assert.Zero(t, lastRun(folder, "first"))
	for name, kept := range map[string]bool{
		"first-20260101-120000.000": true, "first-20260102-120000.000": false, "first-again-20260103-120000.000": true,
	} {
		run := filepath.Join(folder, name)
		require.NoError(t, os.CopyFS(run, os.DirFS(evidencetest.Copy(t, evidencetest.First))))
		if kept {
			require.NoError(t, os.WriteFile(filepath.Join(run, "verdict.json"), nil, 0o644))
		}
	}
	assert.Greater(t, lastRun(folder, "first"), time.Duration(0))
	assert.Zero(t, lastRun(folder, "again"))
	require.NoError(t, os.Remove(filepath.Join(folder, "first-20260101-120000.000", "verdict.json")))
	assert.Zero(t, lastRun(folder, "first"), "a lab whose name begins with it is another one")
}
