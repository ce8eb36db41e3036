package compose_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/compose"
)

func read(t testing.TB, names ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(names...))
	require.NoError(t, err)
	return data
}

// small is the least that has a client, a router and a server.
func small(t testing.TB) string { return string(read(t, "testdata", "small.yml")) }

// An edit puts one text, which is there once, in place of another.
type edit struct{ from, to string }

func edited(t testing.TB, text string, edits ...edit) string {
	t.Helper()
	for _, e := range edits {
		require.Equal(t, 1, strings.Count(text, e.from), "%q must be there once", e.from)
		text = strings.Replace(text, e.from, e.to, 1)
	}
	return text
}

// Texts of small.yml that edits begin from.
const (
	serverHome    = "home: {ipv4_address: 10.12.0.10}"
	serverCommand = "    command: [server]\n"
	homeSubnet    = "- subnet: 10.12.0.0/24"
	routerHome    = "home:\n        ipv4_address: 10.12.0.254"
	claims        = "  claims:\n    one-port: {of: \"server:12000\"}\n"
	clientCafe    = "cafe:\n        ipv4_address: 10.12.1.10"
)

// file is a lab's only one.
func file(path string, text []byte) []compose.File { return []compose.File{{Path: path, Text: text}} }

// add gives the server a line, which is line 18.
func add(line string) edit { return edit{serverCommand, serverCommand + "    " + line + "\n"} }

// lab puts something else for x-lab's limit, which is line 5.
func lab(text string) edit { return edit{"  limit: 1m\n", text} }

// top puts something before the services, on line 14.
func top(text string) edit { return edit{"\nservices:", "\n" + text + "\nservices:"} }

// A problem is what is wrong with an edited small.yml, line by line.
type problem struct {
	name  string
	edits []edit
	want  []string
}

func checkProblems(t *testing.T, problems []problem) {
	t.Helper()
	for _, p := range problems {
		t.Run(p.name, func(t *testing.T) {
			lab, err := compose.Parse("folder", file("lab.yml", []byte(edited(t, small(t), p.edits...))), nil)
			require.Error(t, err)
			assert.Nil(t, lab)
			assert.Equal(t, p.want, strings.Split(err.Error(), "\n"))
		})
	}
}

// The control of all tables of problems: without an edit there are none.
func TestSmallHasNoProblems(t *testing.T) {
	_, err := compose.Parse("folder", file("lab.yml", []byte(small(t))), nil)
	require.NoError(t, err)
}

func TestProblemTellsWhatAndWhere(t *testing.T) {
	_, err := compose.Parse("folder", file("lab.yml", []byte(edited(t, small(t), add("ports: [80]")))), nil)
	var p *compose.Problem
	require.True(t, errors.As(err, &p))
	assert.Equal(t, compose.Problem{
		File: "lab.yml", Line: 18, Column: 5, Key: "services.server.ports",
		Reason: "a lab's host has no way out of the lab; remove it",
	}, *p)
}
