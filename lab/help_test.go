package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/table"
)

// hosts are those that the example of `lab help claims` is about.
const hosts = `
services:
  server:
    image: fourtuple/server
    command: [socket]
    networks: {home: {ipv4_address: 10.12.0.10}}
  client:
    image: fourtuple/client
    command: [socket]
    networks: {home: {ipv4_address: 10.12.0.11}}
networks:
  home: {ipam: {config: [{subnet: 10.12.0.0/24}]}}
`

// The example is a lab as it stands.
func TestExampleOfClaims(t *testing.T) {
	_, example, found := strings.Cut(aboutClaims, "\n  x-lab:\n")
	require.True(t, found)
	example, _, found = strings.Cut(example, "\nA claim holds")
	require.True(t, found)
	file := filepath.Join(t.TempDir(), "compose.yaml")
	require.NoError(t, os.WriteFile(file, []byte("x-lab:\n"+example+hosts), 0o644))
	lab, err := fourtuple.Load(file)
	require.NoError(t, err)
	for _, key := range claim.Keys()[:8] {
		used := false
		for _, c := range lab.Claims {
			used = used || c.Keys[key.Name] != nil
		}
		assert.True(t, used, "the example has no %s", key.Name)
	}
}

// Every column of every table is listed.
func TestTablesAreListed(t *testing.T) {
	text := tablesTopic().Long
	for _, kind := range table.Kinds() {
		assert.Contains(t, text, kind.Name+": "+kind.Doc)
		for _, c := range kind.Columns {
			assert.Contains(t, text, fmt.Sprintf("\n  %-30s %-12s %s", c.Name, c.Type, c.Doc))
		}
	}
}
