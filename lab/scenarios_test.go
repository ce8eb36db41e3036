package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple"
	"github.com/fourtuple/fourtuple/internal/claim"
)

// A scenario is a lab that every engine must judge alike: the first lab, or
// another file, with changes.
type scenario struct {
	name    string
	file    string   // empty: the first lab
	changes []string // old, new, old, new ...; each wherever it stands
	clients int
	// onlyNamespaces says that it is not run in containers: its programs need a
	// shell or Python, which our images have not.
	onlyNamespaces bool
	outcome        claim.Outcome
	// claims are those that are not as one would think by the lab's outcome:
	// holds where it is as expected, refuted where it is not. reason is a part of
	// one of the reasons.
	claims map[string]claim.Outcome
	reason string
}

const (
	firstLab  = "../docker-compose.yml"
	aClient   = "command: [client, --json, --message, Hello from the cafe"
	theServer = "command: [server, --json]"
	forwards  = `sysctls: {net.ipv4.ip_forward: "1"}`
	toServer  = `"${LAB_PREFIX:-10.12}.0.10:12000"`
)

var scenarios = []scenario{
	{name: "first", outcome: claim.AsExpected},
	{name: "two routers", file: "testdata/labs/chain.yml", outcome: claim.AsExpected},
	{name: "more clients", clients: 5, outcome: claim.AsExpected},
	{name: "one client", clients: 1, outcome: claim.NotShown, reason: "only one row"},
	{
		name: "another port", changes: []string{
			theServer, `command: [server, --json, --address, ":12001"]`,
			`.0.10:12000"`, `.0.10:12001"`,
		},
		outcome: claim.NotAsExpected, reason: "server.port is 12001",
		claims: map[string]claim.Outcome{"distinct-sources": claim.NotShown, "one-socket-each": claim.NotShown, "witnesses-agree": claim.Holds},
	},
	{
		name: "masquerade", changes: []string{forwards, forwards + "\n    x-lab: {masquerade: [home]}"},
		outcome: claim.NotAsExpected, reason: "translated.source.address is 10.17.0.254 in both",
		claims: map[string]claim.Outcome{
			"one-port": claim.Holds, "message-ports": claim.Holds, "one-socket-each": claim.Holds, "witnesses-agree": claim.Holds,
		},
	},
	{
		name: "late capture", changes: []string{aClient, "x-lab: {capture-after: 300ms}\n    " + aClient},
		outcome: claim.NotShown, reason: "client1.packets",
	},
	{
		name: "no forwarding", changes: []string{
			`net.ipv4.ip_forward: "1"`, `net.ipv4.ip_forward: "0"`,
			"--hold", "--retry, 1s, --hold",
		},
		outcome: claim.NotShown, reason: "says: connect to 10.17.0.10:12000: network is unreachable",
	},
	{
		// A refused first SYN and the retry from the same port are two openings.
		name: "fixed port", changes: []string{
			"depends_on: [judge, server, router]", "depends_on: [judge]",
			"[client, --json,", `[client, --json, --source, ":40000",`,
		},
		outcome: claim.AsExpected,
	},
	{
		name: "privileged port", changes: []string{
			theServer, `command: [server, --json, --address, ":80"]`, ".0.10:12000", ".0.10:80",
			"--hold", "--retry, 500ms, --hold",
		},
		outcome: claim.NotShown, reason: "permission denied",
	},
	{
		name: "slow messages", changes: []string{"Hello from the cafe,", `Hello from the cafe, --count, "4", --interval, 300ms,`},
		outcome: claim.AsExpected,
	},
	{
		name: "silent at first", onlyNamespaces: true,
		changes: []string{aClient, `command: [sh, -c, 'sleep 3; exec client "$$@"', client, --json, --message, Hello from the cafe`},
		outcome: claim.AsExpected,
	},
	{
		name: "three on one host", onlyNamespaces: true, clients: 1,
		changes: []string{aClient + ", --hold, " + toServer + "]", "x-lab: {ready: 1500ms}\n    " + `command: [sh, -c, 'client --message a --hold "$$1" & client --message b --hold "$$1" & client --message c --hold "$$1" & wait', sh, ` + toServer + "]"},
		outcome: claim.NotAsExpected, reason: "translated.source.address is 10.17.1.10 in both",
		claims: map[string]claim.Outcome{
			"one-port": claim.Holds, "message-ports": claim.Holds, "one-socket-each": claim.Holds, "witnesses-agree": claim.Holds,
		},
	},
	{
		name: "another server too", onlyNamespaces: true, clients: 2,
		changes: []string{
			"entrypoint: [/lab, host, router]", "entrypoint: [/lab, host, router]\n    " + `command: [server, --json, --address, ":9999"]`,
			aClient, "x-lab: {ready: 1500ms}\n    " + `command: [sh, -c, 'client --json --message other --hold ${LAB_PREFIX:-10.12}.1.254:9999 & exec client "$$@"', client, --json, --message, Hello from the cafe`,
		},
		outcome: claim.AsExpected,
	},
	{
		name: "README", file: "../README.md", changes: []string{"10.12.", prefixOfTests + "."},
		outcome: claim.AsExpected, reason: "local.port is 8080",
		claims: map[string]claim.Outcome{"accept-opens-a-port": claim.Refuted},
	},
	{
		name: "README.ko", file: "../README.ko.md", onlyNamespaces: true, changes: []string{"10.12.", prefixOfTests + "."},
		outcome: claim.AsExpected, reason: "local.port is 8080",
		claims: map[string]claim.Outcome{"accept-opens-a-port": claim.Refuted},
	},
	{name: "python", file: "testdata/labs/python.yml", onlyNamespaces: true, outcome: claim.AsExpected},
}

// prefixOfTests keeps these labs apart from others on the machine's engine.
const prefixOfTests = "10.17"

func (s scenario) lab(t *testing.T) *fourtuple.Lab {
	t.Helper()
	file := s.file
	if file == "" {
		file = firstLab
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	if strings.HasSuffix(file, ".md") {
		_, block, _ := bytes.Cut(text, []byte("```yaml\n"))
		text, _, _ = bytes.Cut(block, []byte("```\n"))
	}
	for i := 0; i < len(s.changes); i += 2 {
		require.Contains(t, string(text), s.changes[i], "there is nothing to change")
		text = bytes.ReplaceAll(text, []byte(s.changes[i]), []byte(s.changes[i+1]))
	}
	file = filepath.Join(t.TempDir(), defaultLab)
	require.NoError(t, os.WriteFile(file, text, 0o644))
	t.Setenv("LAB_PREFIX", prefixOfTests)
	lab, err := load(file)
	require.NoError(t, err)
	if s.clients > 0 {
		lab, err = lab.ScaleClients(s.clients)
		require.NoError(t, err)
	}
	return lab
}

// run runs the scenario and checks that it comes out as it must.
func (s scenario) run(t *testing.T, engine string, lab *fourtuple.Lab) fourtuple.Verdict {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen, err := fourtuple.Run(ctx, lab, fourtuple.Options{
		Engine: engine, Folder: filepath.Join(t.TempDir(), "run"), OnHostError: func(err error) { t.Log(err) },
	})
	require.NoError(t, err)
	v := fourtuple.Judge(seen)
	assert.Equal(t, s.outcome, v.Outcome)
	reasons := ""
	for _, f := range v.Claims {
		want, special := s.claims[f.Claim]
		if !special {
			want = map[claim.Outcome]claim.Outcome{claim.AsExpected: claim.Holds, claim.NotAsExpected: claim.Refuted}[s.outcome]
		}
		if s.outcome != claim.NotShown { // a claim that needs no missing witness may hold
			assert.Equal(t, want, f.Outcome, "%s: %s", f.Claim, f.Reason)
		}
		reasons += f.Reason + "\n"
	}
	assert.Contains(t, reasons, s.reason)
	if t.Failed() {
		t.Logf("%s", reasons)
	}
	return v
}
