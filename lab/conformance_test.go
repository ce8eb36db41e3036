//go:build integration && linux

package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/engine/docker"
	"github.com/fourtuple/fourtuple/internal/engine/netns"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// A conformance is a lab that both engines must judge alike.
type conformance struct {
	name    string
	file    string
	changes []string // old, new, old, new ...
	clients int
	outcome claim.Outcome
	claims  map[string]claim.Outcome // those that do not hold
}

const (
	firstLab  = "../docker-compose.yml"
	aClient   = "[client, --json, --message, Hello from the cafe"
	forwards  = `sysctls: {net.ipv4.ip_forward: "1"}`
	itsServer = `.0.10:12000"`
)

var conformances = []conformance{
	{name: "first", file: firstLab, outcome: claim.Holds},
	{name: "chain", file: "testdata/labs/chain.yml", outcome: claim.Holds},
	{name: "wide", file: firstLab, clients: 5, outcome: claim.Holds},
	{name: "narrow", file: firstLab, clients: 1, outcome: claim.Holds},
	{
		name: "another port", file: firstLab,
		changes: []string{"[server, --json]", `[server, --json, --address, ":12001"]`, itsServer, `.0.10:12001"`},
		outcome: claim.Refuted,
		claims:  map[string]claim.Outcome{"one-port": claim.Refuted, "message-ports": claim.Refuted},
	},
	{
		name: "masquerade", file: firstLab,
		changes: []string{forwards, forwards + "\n    x-lab: {masquerade: [home]}"},
		outcome: claim.Refuted,
		claims:  map[string]claim.Outcome{"distinct-sources": claim.Refuted},
	},
	{
		name: "late capture", file: firstLab,
		changes: []string{"command: " + aClient, "x-lab: {capture-after: 300ms}\n    command: " + aClient},
		outcome: claim.NotShown,
		claims:  map[string]claim.Outcome{"message-ports": claim.NotShown, "witnesses-agree": claim.NotShown},
	},
	{
		name: "no forwarding", file: firstLab,
		changes: []string{
			`net.ipv4.ip_forward: "1"`, `net.ipv4.ip_forward: "0"`,
			"--hold, 1m", "--hold, 1m, --retry, 1s",
		},
		outcome: claim.NotShown,
		claims: map[string]claim.Outcome{
			"one-port": claim.NotShown, "distinct-sources": claim.NotShown, "message-ports": claim.NotShown,
			"one-socket-each": claim.NotShown, "witnesses-agree": claim.NotShown,
		},
	},
}

// Both engines make of a lab the same connections, and what they leave is
// judged the same: ports that the kernel chose aside, in every word.
func TestEnginesConform(t *testing.T) {
	require.NoError(t, docker.BuildImages(t.Context(), "..", os.Stderr))
	engines := map[string]engine{
		engineNetns:  netns.Engine{},
		engineDocker: docker.Engine{Log: os.Stderr},
	}
	for _, c := range conformances {
		t.Run(c.name, func(t *testing.T) {
			lab := c.lab(t)
			seen := make(map[string]claim.Verdict)
			for name, e := range engines {
				seen[name] = c.run(t, e, lab)
			}
			for name, v := range seen {
				assert.Equal(t, c.outcome, v.Outcome, "%s: %+v", name, v.Claims)
				for _, f := range v.Claims {
					want, special := c.claims[f.Claim]
					if !special {
						want = claim.Holds
					}
					assert.Equal(t, want, f.Outcome, "%s: %s: %s", name, f.Claim, f.Reason)
				}
			}
			assert.Empty(t, cmp.Diff(withoutPorts(seen[engineNetns]), withoutPorts(seen[engineDocker]), cmpopts.EquateComparable(netip.AddrPort{})))
		})
	}
}

// prefixOfTests keeps these labs apart from others on the machine's engine.
const prefixOfTests = "LAB_PREFIX=10.17"

func (c conformance) lab(t *testing.T) *topology.Lab {
	t.Helper()
	text, err := os.ReadFile(c.file)
	require.NoError(t, err)
	for i := 0; i < len(c.changes); i += 2 {
		require.Contains(t, string(text), c.changes[i])
		text = bytes.ReplaceAll(text, []byte(c.changes[i]), []byte(c.changes[i+1]))
	}
	file := filepath.Join(t.TempDir(), defaultLab)
	require.NoError(t, os.WriteFile(file, text, 0o644))
	lab, err := topology.Load(file, []string{prefixOfTests})
	require.NoError(t, err)
	if c.clients > 0 {
		lab, err = topology.Widen(lab, c.clients)
		require.NoError(t, err)
	}
	require.NoError(t, claim.Check(lab))
	return lab
}

func (c conformance) run(t *testing.T, e engine, lab *topology.Lab) claim.Verdict {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, e.Run(ctx, lab, folder, run.Options{Lost: func(err error) { t.Log(err) }}))
	k, err := readRun(folder)
	require.NoError(t, err)
	return k.verdict
}

// withoutPorts is the verdict with every port that a kernel chose written as 0,
// and without the count of segments: how data is cut is no one's claim.
func withoutPorts(v claim.Verdict) claim.Verdict {
	for i, c := range v.Connections {
		v.Connections[i].Source = anyPort(c.Source)
		chosen := []netip.AddrPort{c.Source}
		if c.Translated != nil {
			chosen = append(chosen, c.Translated.Source)
			v.Connections[i].Translated = &evidence.FourTuple{Source: anyPort(c.Translated.Source), Destination: c.Translated.Destination}
		}
		for k := range v.Claims {
			for _, endpoint := range chosen {
				v.Claims[k].Reason = strings.ReplaceAll(v.Claims[k].Reason, endpoint.String(), anyPort(endpoint).String())
			}
		}
	}
	for k, f := range v.Claims {
		if f.Claim == "message-ports" && f.Outcome == claim.Holds {
			v.Claims[k].Reason = ""
		}
	}
	return v
}

func anyPort(endpoint netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(endpoint.Addr(), 0) }
