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

	"github.com/fourtuple/fourtuple/lab/conduct"
	"github.com/fourtuple/fourtuple/lab/docker"
	"github.com/fourtuple/fourtuple/lab/evidence"
	"github.com/fourtuple/fourtuple/lab/netns"
	"github.com/fourtuple/fourtuple/lab/topology"
	"github.com/fourtuple/fourtuple/lab/verdict"
)

// A conformance is a lab that both engines must judge alike.
type conformance struct {
	name    string
	file    string
	changes []string // old, new, old, new ...
	clients int
	outcome verdict.Outcome
	claims  map[string]verdict.Outcome // those that do not hold
}

const (
	firstLab  = "../docker-compose.yml"
	aClient   = "[client, --json, --message, Hello from the cafe"
	forwards  = `sysctls: {net.ipv4.ip_forward: "1"}`
	itsServer = `.0.10:12000"`
)

var conformances = []conformance{
	{name: "first", file: firstLab, outcome: verdict.Holds},
	{name: "chain", file: "testdata/labs/chain.yml", outcome: verdict.Holds},
	{name: "wide", file: firstLab, clients: 5, outcome: verdict.Holds},
	{name: "narrow", file: firstLab, clients: 1, outcome: verdict.Holds},
	{
		name: "another port", file: firstLab,
		changes: []string{"[server, --json]", `[server, --json, --address, ":12001"]`, itsServer, `.0.10:12001"`},
		outcome: verdict.Refuted,
		claims:  map[string]verdict.Outcome{"one-port": verdict.Refuted, "message-ports": verdict.Refuted},
	},
	{
		name: "masquerade", file: firstLab,
		changes: []string{forwards, forwards + "\n    x-lab: {masquerade: [home]}"},
		outcome: verdict.Refuted,
		claims:  map[string]verdict.Outcome{"distinct-sources": verdict.Refuted},
	},
	{
		name: "late capture", file: firstLab,
		changes: []string{"command: " + aClient, "x-lab: {capture-after: 300ms}\n    command: " + aClient},
		outcome: verdict.NotShown,
		claims:  map[string]verdict.Outcome{"message-ports": verdict.NotShown, "witnesses-agree": verdict.NotShown},
	},
	{
		name: "no forwarding", file: firstLab,
		changes: []string{
			`net.ipv4.ip_forward: "1"`, `net.ipv4.ip_forward: "0"`,
			"--hold, 1m", "--hold, 1m, --retry, 1s",
		},
		outcome: verdict.NotShown,
		claims: map[string]verdict.Outcome{
			"one-port": verdict.NotShown, "distinct-sources": verdict.NotShown, "message-ports": verdict.NotShown,
			"one-socket-each": verdict.NotShown, "witnesses-agree": verdict.NotShown,
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
			seen := make(map[string]verdict.Verdict)
			for name, e := range engines {
				seen[name] = c.run(t, e, lab)
			}
			for name, v := range seen {
				assert.Equal(t, c.outcome, v.Outcome, "%s: %+v", name, v.Claims)
				for _, f := range v.Claims {
					want, special := c.claims[f.Claim]
					if !special {
						want = verdict.Holds
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
	require.NoError(t, verdict.Check(lab))
	return lab
}

func (c conformance) run(t *testing.T, e engine, lab *topology.Lab) verdict.Verdict {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, e.Run(ctx, lab, folder, conduct.Options{Lost: func(err error) { t.Log(err) }}))
	k, err := readRun(folder)
	require.NoError(t, err)
	return k.verdict
}

// withoutPorts is the verdict with every port that a kernel chose written as 0,
// and without the count of segments: how data is cut is no one's claim.
func withoutPorts(v verdict.Verdict) verdict.Verdict {
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
		if f.Claim == "message-ports" && f.Outcome == verdict.Holds {
			v.Claims[k].Reason = ""
		}
	}
	return v
}

func anyPort(endpoint netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(endpoint.Addr(), 0) }
