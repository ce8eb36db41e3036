//go:build integration

package fourtuple

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A conversation is a connection as one witness saw it: who called whom.
type conversation struct{ From, To netip.AddrPort }

// A heldConversation is one with the socket that a process holds it by.
type heldConversation struct {
	conversation
	Inode uint64
}

// ordinaryUser is whom the programs run as.
const ordinaryUser = 65534

func endpoint(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

// threeSourcesOnePort says why these are not three connections from .10 on
// three subnets, each to port 12000 of the server.
func threeSourcesOnePort(prefix string, seen []conversation) error {
	if len(seen) != 3 {
		return fmt.Errorf("%d connections, not 3: %v", len(seen), seen)
	}
	for subnet := 1; subnet <= 3; subnet++ {
		from := netip.MustParseAddr(fmt.Sprintf("%s.%d.10", prefix, subnet))
		if !slices.ContainsFunc(seen, func(c conversation) bool { return c.From.Addr() == from && c.From.Port() != 0 }) {
			return fmt.Errorf("no connection from %s: %v", from, seen)
		}
	}
	for _, c := range seen {
		if c.To != endpoint(prefix+".0.10:12000") {
			return fmt.Errorf("a connection to %s", c.To)
		}
	}
	return nil
}

// readLines reads a file of the run, one JSON object a line.
func readLines[R any](t *testing.T, l *lab, name string) (rows []R) {
	t.Helper()
	data, err := os.ReadFile(l.file(name))
	require.NoError(t, err)
	for line := range bytes.Lines(data) {
		var row R
		require.NoError(t, json.Unmarshal(line, &row), "%s: %s", name, line)
		rows = append(rows, row)
	}
	require.NotEmpty(t, rows, name)
	return rows
}

type socketRow struct {
	State         string
	Local, Remote netip.AddrPort
	UID           int
	Inode         uint64
}

// acceptedSockets are the connections in the server's socket table.
func (l *lab) acceptedSockets(t *testing.T) (seen []heldConversation) {
	t.Helper()
	for _, row := range readLines[socketRow](t, l, "server.sockets.jsonl") {
		if row.State != "ESTABLISHED" || row.Inode == 0 {
			continue
		}
		assert.Equal(t, ordinaryUser, row.UID, "whose socket %s is", row.Local)
		seen = append(seen, heldConversation{conversation{row.Remote, row.Local}, row.Inode})
	}
	return distinct(seen)
}

// listeningPorts are the ports that the server's program listens on. Docker
// has a listening socket of its own in some containers, for names.
func (l *lab) listeningPorts(t *testing.T) (ports []uint16) {
	t.Helper()
	for _, row := range readLines[socketRow](t, l, "server.sockets.jsonl") {
		if row.State == "LISTEN" && row.UID == ordinaryUser {
			ports = append(ports, row.Local.Port())
		}
	}
	return distinct(ports)
}

type fileRow struct {
	Type, Node, Name string
	Inode            uint64
}

// lsofName is the NAME of a connection as lsof prints it.
var lsofName = regexp.MustCompile(`^(\S+)->(\S+) \(ESTABLISHED\)$`)

// openFiles are the connections among the server's open files, by their names.
func (l *lab) openFiles(t *testing.T) (seen []heldConversation) {
	t.Helper()
	for _, row := range readLines[fileRow](t, l, "server.files.jsonl") {
		ends := lsofName.FindStringSubmatch(row.Name)
		if ends == nil {
			continue
		}
		assert.Equal(t, "TCP", row.Node, row.Name)
		seen = append(seen, heldConversation{conversation{endpoint(ends[2]), endpoint(ends[1])}, row.Inode})
	}
	return distinct(seen)
}

type verdict struct {
	Verdict string
	Claims  []struct{ Claim, Verdict, Reason string }

	Connections []struct{ Source, Destination netip.AddrPort }
}

// reasons are the reasons of the claims with that outcome, a line each.
func (v verdict) reasons(outcome string) string {
	var lines []string
	for _, c := range v.Claims {
		if c.Verdict == outcome {
			lines = append(lines, c.Claim+": "+c.Reason)
		}
	}
	return strings.Join(lines, "\n")
}

func (l *lab) verdict(t *testing.T) (v verdict) {
	t.Helper()
	data, err := os.ReadFile(l.file("verdict.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

// runFiles are the files of a whole run of the first lab.
func runFiles() []string {
	names := []string{"lab.yml", "report.html", "verdict.json"}
	for _, host := range hostNames {
		for _, of := range []string{"files.jsonl", "host.jsonl", "pcapng", "program.jsonl", "sockets.jsonl"} {
			names = append(names, host+"."+of)
		}
	}
	slices.Sort(names)
	return names
}

func fileNames(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// assertComplete asserts that every host left every file and sealed it.
func (l *lab) assertComplete(t *testing.T) {
	t.Helper()
	assert.Equal(t, runFiles(), fileNames(t, filepath.Dir(l.file("lab.yml"))))
	for _, host := range hostNames {
		assert.Equal(t, "closed", l.lastWord(t, host), host)
	}
}

// lastWord is the last event of a host's account.
func (l *lab) lastWord(t *testing.T, host string) string {
	t.Helper()
	events := readLines[struct{ Event string }](t, l, host+".host.jsonl")
	return events[len(events)-1].Event
}

func conversations(held []heldConversation) (all []conversation) {
	for _, h := range held {
		all = append(all, h.conversation)
	}
	return all
}

func inodes(held []heldConversation) (all []uint64) {
	for _, h := range held {
		all = append(all, h.Inode)
	}
	return distinct(all)
}

// distinct is the list with each value once, in the order of their first
// appearance.
func distinct[V comparable](all []V) (once []V) {
	for _, v := range all {
		if !slices.Contains(once, v) {
			once = append(once, v)
		}
	}
	return once
}
