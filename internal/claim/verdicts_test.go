package claim_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

type sample = evidencetest.Sample

// claims reads claims as a lab's file has them, in its order.
func claims(t testing.TB, text string) (all []topology.Claim) {
	t.Helper()
	var root yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &root), text)
	if root.Kind == 0 {
		return nil
	}
	mapping := root.Content[0].Content
	for i := 0; i < len(mapping); i += 2 {
		var keys map[string]any
		require.NoError(t, mapping[i+1].Decode(&keys), text)
		all = append(all, topology.Claim{Name: mapping[i].Value, Keys: keys})
	}
	return all
}

// judged writes a sample as a run folder, changes files of it, and judges it.
func judged(t testing.TB, s *sample, edits ...func(dir string)) claim.Verdict {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	s.Write(t, dir)
	for _, edit := range edits {
		edit(dir)
	}
	run, err := evidence.Load(dir)
	require.NoError(t, err)
	return claim.Judge(run)
}

// reasons are the verdict in short, for messages.
func reasons(v claim.Verdict) string {
	var all []string
	for _, f := range v.Claims {
		all = append(all, fmt.Sprintf("%s: %s: %s", f.Claim, f.Outcome, f.Reason))
	}
	return strings.Join(all, "\n")
}

// without removes a file of a run folder, as by accident.
func without(t testing.TB, name string) func(dir string) {
	return func(dir string) { require.NoError(t, os.Remove(filepath.Join(dir, name))) }
}

// on changes one connection's port on the server, in all that any witness says:
// what a server would leave that accepts on a port of its own.
func elsewhere(s *sample, client string) {
	end := evidencetest.ServerEnd
	other := netip.AddrPortFrom(end.Addr(), 40000)
	from := s.Hosts[client].Packets[0].Source
	move := func(local, remote *netip.AddrPort) {
		switch {
		case *local == end && *remote == from:
			*local = other
		case *remote == end && *local == from:
			*remote = other
		}
	}
	each(s, move)
}

// each calls change with the ends of every record of a run.
func each(s *sample, change func(local, remote *netip.AddrPort)) {
	for _, h := range s.Hosts {
		for i := range h.Packets {
			change(&h.Packets[i].Source, &h.Packets[i].Destination)
		}
		for i := range h.Sockets {
			change(&h.Sockets[i].Local, &h.Sockets[i].Remote)
		}
		for i := range h.Files {
			change(&h.Files[i].Local, &h.Files[i].Remote)
		}
		for i := range h.Program {
			change(&h.Program[i].Local, &h.Program[i].Remote)
		}
	}
}

// The verdict corpus: for each quantifier and macro a run of which it holds, one
// that refutes it, and one that does not show it. The runs are the kept ones,
// changed as the world could have changed them (refuted) or as evidence gets lost
// (not shown).
func TestVerdicts(t *testing.T) {
	const (
		h = claim.Holds
		r = claim.Refuted
		n = claim.NotShown
	)
	lost := func(file string) func(testing.TB, string) {
		return func(t testing.TB, dir string) { without(t, file)(dir) }
	}
	for _, c := range []struct {
		name       string
		claim      string // its keys
		masquerade bool
		change     func(*sample)
		edit       func(t testing.TB, dir string)
		want       claim.Outcome
		reason     string // is part of the reason
		row        string // "FILE:LINE" of a row that it rests on
	}{
		{
			name: "every", claim: `{every: connections, where: 'server.host == "server"', is: server.port == 12000, n: 3}`, want: h,
			reason: `server.port is 12000 in all 3 rows of connections where server.host == "server"`, row: "client2.pcapng:1",
		},
		{
			name: "every but one", claim: `{every: connections, is: server.port == 12000}`, change: func(s *sample) { elsewhere(s, "client2") }, want: r,
			reason: "server.port is 40000, and not server.port == 12000: client2.pcapng:1: client2 10.12.2.10:40002 -> server 10.12.0.10:40000", row: "client2.pcapng:1",
		},
		{
			name: "every of none", claim: `{every: connections, where: server.port == 80, is: 'outcome == "opened"'}`, want: n,
			reason: "there is no row of connections where server.port == 80",
		},
		{
			name: "every of too few", claim: `{every: connections, is: server.port == 12000, n: '>= 4'}`, want: n,
			reason: "there are 3 rows of connections, where at least 4 are wanted",
		},
		{
			name: "every without a capture", claim: `{every: connections, is: server.port == 12000}`, edit: lost("client2.pcapng"), want: n,
			reason: "client2.packets: client2.pcapng is missing",
		},
		{
			name: "every on a host whose table is lost", claim: `{every: server.sockets, is: local.port == 12000}`, edit: lost("server.sockets.jsonl"), want: n,
			reason: "server.sockets: server.sockets.jsonl is missing",
		},
		{
			name: "some", claim: `{some: server.sockets, is: 'state == "LISTEN" && local.port == 12000'}`, want: h,
			reason: `1 row of server.sockets where state == "LISTEN" && local.port == 12000: server.sockets.jsonl:5: tcp`, row: "server.sockets.jsonl:5",
		},
		{
			name: "some other", claim: `{some: server.sockets, where: 'state == "ESTABLISHED"', is: local.port != 12000}`, want: r,
			reason: `local.port != 12000 is true of none of 3 rows of server.sockets where state == "ESTABLISHED": local.port is 12000: server.sockets.jsonl:6`, row: "server.sockets.jsonl:7",
		},
		{
			name: "some other, cut", claim: `{some: server.sockets, is: local.port != 12000}`, edit: lost("server.sockets.jsonl"), want: n,
			reason: "server.sockets: server.sockets.jsonl is missing",
		},
		{
			name: "some though another host's capture is lost", claim: `{some: connections, is: 'client.host == "client1" && server.port == 12000'}`, edit: lost("client2.pcapng"), want: h,
			reason: "1 row of connections",
		},
		{name: "none", claim: `{none: server.sockets, where: local.port != 12000}`, want: h, reason: "there is no row of server.sockets where local.port != 12000"},
		{
			name: "none but one", claim: `{none: connections, is: server.port != 12000}`, change: func(s *sample) { elsewhere(s, "client3") }, want: r,
			reason: "1 row of connections where server.port != 12000: client3.pcapng:1", row: "client3.pcapng:1",
		},
		{name: "none, cut", claim: `{none: client1.packets, is: '"RST" in flags'}`, edit: lost("client1.pcapng"), want: n, reason: "client1.packets: client1.pcapng is missing"},
		{name: "count", claim: `{count: server.sockets, where: 'state == "ESTABLISHED"', n: 3}`, want: h, reason: `3 rows of server.sockets where state == "ESTABLISHED": server.sockets.jsonl:6`},
		{name: "count too few", claim: `{count: server.sockets, where: 'state == "ESTABLISHED"', n: '>= 4'}`, want: r, reason: "3 rows of server.sockets"},
		{name: "count too many", claim: `{count: connections, n: '< 3'}`, want: r, reason: "3 rows of connections"},
		{name: "count in a range", claim: `{count: connections, n: '2..4'}`, want: h, reason: "3 rows of connections"},
		{name: "count of rows that may be", claim: `{count: connections, n: 3}`, edit: lost("client2.pcapng"), want: n, reason: "client2.packets: client2.pcapng is missing"},
		{name: "count already too many, cut", claim: `{count: connections, where: 'client.host != "client2"', n: '< 2'}`, edit: lost("client2.pcapng"), want: r, reason: "2 rows of connections"},
		{
			name: "distinct", claim: `{distinct: connections, of: [source.address]}`, want: h,
			reason: "all 3 rows of connections differ in source.address: 10.12.1.10, 10.12.2.10, 10.12.3.10", row: "client1.pcapng:1",
		},
		{
			name: "distinct but two", claim: `{distinct: connections, of: [translated.source.address]}`, masquerade: true, want: r,
			reason: "translated.source.address is 10.12.0.254 in both: client1.pcapng:1", row: "client2.pcapng:1",
		},
		{name: "distinct, one", claim: `{distinct: connections, where: 'client.host == "client1"', of: [source.port]}`, want: n, reason: "there is only one row of connections"},
		{name: "distinct, cut", claim: `{distinct: connections, of: [source.port]}`, edit: lost("client2.pcapng"), want: n, reason: "client2.packets"},
		{name: "same", claim: `{same: connections, of: [destination.address, destination.port]}`, want: h, reason: "destination.address is 10.12.0.10, destination.port is 12000 in all 3 rows of connections"},
		{
			name: "same but one", claim: `{same: connections, of: [server.port]}`, change: func(s *sample) { elsewhere(s, "client3") }, want: r,
			reason: "server.port is 12000 and 40000: client1.pcapng:1", row: "client3.pcapng:1",
		},
		{name: "same, cut", claim: `{same: connections, of: [server.port]}`, edit: lost("router.pcapng"), want: n, reason: "router.packets: router.pcapng is missing"},
		{
			name: "before", claim: `{before: [{in: client1.packets, where: '"SYN" in flags && outgoing'}, {in: server.program, where: 'event == "accepted" && remote.port == 40001'}]}`, want: h,
			reason: "before server.program.jsonl:", row: "client1.pcapng:1",
		},
		{
			name: "before, the other way round", claim: `{before: [{in: server.program, where: 'event == "accepted" && remote.port == 40001'}, {in: client1.packets, where: '"SYN" in flags && outgoing'}]}`, want: r,
			reason: "after client1.pcapng:1",
		},
		{name: "before what is not there", claim: `{before: [{in: client1.packets, where: '"SYN" in flags'}, {in: server.program, where: 'event == "failed"'}]}`, want: n, reason: `there is no row of server.program where event == "failed"`},
		{name: "before, cut", claim: `{before: [{in: client1.packets, where: '"SYN" in flags'}, {in: server.program, where: 'event == "accepted" && remote.port == 40001'}]}`, edit: lost("client1.pcapng"), want: n, reason: "client1.packets: client1.pcapng is missing"},
		{name: "before itself", claim: `{before: [{in: client1.packets, where: '"SYN" in flags'}, {in: client1.packets, where: '"SYN" in flags'}]}`, want: n, reason: "which of them comes first cannot be told"},
		{name: "before a polled row", claim: `{before: [{in: client1.packets, where: '"SYN" in flags'}, {in: client1.sockets, where: 'state == "ESTABLISHED"'}]}`, want: n, reason: "which of them comes first cannot be told"},
		{name: "all", claim: `{all: [{some: server.sockets, is: 'state == "LISTEN"'}, {count: connections, n: 3}]}`, want: h, reason: "; 3 rows of connections"},
		{name: "all but one", claim: `{all: [{some: server.sockets, is: 'state == "LISTEN"'}, {count: connections, n: 2}, {every: connections, where: server.port == 1, is: opening == 1}]}`, want: r, reason: "3 rows of connections"},
		{name: "all but one that is not shown", claim: `{all: [{some: server.sockets, is: 'state == "LISTEN"'}, {every: connections, where: server.port == 1, is: opening == 1}]}`, want: n, reason: "there is no row of connections where server.port == 1"},

		// Whose word counts, and how many of them.
		{name: "one of two witnesses lost", claim: `{some: connections, where: 'client.host == "client2"', is: server.port == 12000, witnesses: [client.packets, server.packets]}`, edit: lost("client2.pcapng"), want: n, reason: "client2.packets"},
		{name: "the others' word", claim: `{some: connections, where: 'client.host == "client2"', is: server.port == 12000, witnesses: [server.packets, server.sockets]}`, edit: lost("client2.pcapng"), want: h, reason: "1 row"},
		{name: "one who tells", claim: `{some: connections, is: server.port == 12000, seen-by: 9}`, want: h, reason: "3 rows"},
		{name: "not so many", claim: `{every: connections, where: 'client.host == "client2"', is: server.port != 12000, seen-by: 9}`, edit: lost("client2.pcapng"), want: n, reason: "client2.packets"},
		{name: "refuted by a quorum, though one is lost", claim: `{every: connections, where: 'client.host == "client2"', is: server.port != 12000}`, edit: lost("client2.pcapng"), want: r, reason: "server.port is 12000"},

		{name: "one-port", claim: `{of: 'server:12000'}`, want: h, reason: "server.port is 12000 in all 3 rows"},
		{name: "one-port", claim: `{of: 'server:12000'}`, masquerade: true, want: h},
		{name: "one-port", claim: `{of: 'server:12000'}`, change: func(s *sample) { elsewhere(s, "client1") }, want: r, reason: "server.port is 40000"},
		{name: "one-port", claim: `{of: 'server:12001'}`, want: r, reason: "server.port is 12000, and not server.port == 12001"},
		{name: "one-port", claim: `{of: 'server:12000', clients: 4}`, want: n, reason: "there are 3 rows"},
		{name: "one-port", claim: `{of: 'server:12000'}`, edit: lost("server.files.jsonl"), want: n, reason: "server.files: server.files.jsonl is missing"},
		{name: "one-port", claim: `{of: 'client1:12000'}`, want: n, reason: `there is no row of connections where server.host == "client1"`},
		{name: "distinct-sources", claim: `{of: 'server:12000'}`, want: h, reason: "differ in client.subnet: cafe, office, campus"},
		{name: "distinct-sources", claim: `{of: 'server:12000'}`, masquerade: true, want: r, reason: "translated.source.address is 10.12.0.254 in both"},
		{
			name: "distinct-sources", claim: `{of: 'server:12000'}`, change: func(s *sample) { s.Lab.Subnets[0].Prefix = netip.MustParsePrefix("10.12.0.0/16") }, want: r,
			reason: "client.subnet is cafe in both",
		},
		{name: "distinct-sources", claim: `{of: 'server:12000'}`, edit: lost("client3.pcapng"), want: n, reason: "client3.packets"},
		{name: "message-ports", claim: `{of: 'server:12000'}`, want: h, reason: "is true of all 3 rows of connections"},
		{name: "message-ports", claim: `{of: 'server:12000'}`, change: func(s *sample) { elsewhere(s, "client1") }, want: r, reason: "destination.port is 40000"},
		{name: "message-ports", claim: `{of: 'server:12000'}`, edit: lost("router.pcapng"), want: n, reason: "router.packets"},
		{name: "one-socket-each", claim: `{of: 'server:12000'}`, want: h, reason: "server.inode != 0 && server.descriptors == 1 is true of all 3 rows"},
		{name: "one-socket-each", claim: `{of: 'server:12000'}`, change: inherited, want: r, reason: "server.descriptors is 2"},
		{name: "one-socket-each", claim: `{of: 'server:12000'}`, edit: lost("server.files.jsonl"), want: n, reason: "server.files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept := evidencetest.First
			if c.masquerade {
				kept = evidencetest.Masqueraded
			}
			s := evidencetest.Read(t, kept)
			name := "claim"
			if slices.ContainsFunc(claim.Macros(), func(k claim.Key) bool { return k.Name == c.name }) {
				name = c.name
			}
			s.Lab.Claims = claims(t, name+": "+c.claim)
			require.Empty(t, claim.Check(s.Lab))
			if c.change != nil {
				c.change(s)
			}
			v := judged(t, s, func(dir string) {
				if c.edit != nil {
					c.edit(t, dir)
				}
			})
			f := v.Claims[0]
			assert.Equal(t, c.want, f.Outcome, reasons(v))
			assert.Contains(t, f.Reason, c.reason)
			if c.row != "" {
				assert.Condition(t, func() bool {
					return slices.ContainsFunc(f.Rows, func(r claim.Row) bool { return fmt.Sprintf("%s:%d", r.File, r.Line) == c.row && r.Text != "" })
				}, "%v", f.Rows)
			}
		})
	}
}

// inherited gives the server a second process that has client1's socket open,
// too, as after a fork.
func inherited(s *sample) {
	h := s.Hosts["server"]
	end := evidencetest.ClientEnd(1)
	for i := 0; i < len(h.Files); i++ {
		if f := h.Files[i]; f.Remote == end {
			f.FD += 40
			h.Files = slices.Insert(h.Files, i+1, f)
			i++
		}
	}
}

// What the verdict says beside its claims.
func TestVerdictIsWhole(t *testing.T) {
	s := evidencetest.Read(t, evidencetest.Masqueraded)
	s.Lab.Claims = claims(t, `{one: {count: connections, n: 3}}`)
	v := judged(t, s)
	assert.Equal(t, s.Lab.Name, v.Lab)
	assert.NotEmpty(t, v.Run)
	assert.Equal(t, claim.Versions{Fourtuple: "test", Engine: "test", Kernel: v.Versions.Kernel}, v.Versions)
	assert.NotEmpty(t, v.Versions.Kernel)
	require.Len(t, v.Connections, 3)
	c := v.Connections[0]
	assert.Equal(t, "client1", c.Client)
	assert.Equal(t, netip.MustParseAddrPort("10.12.0.254:40001"), c.Translated.Source)
	require.Len(t, c.Path, 1)
	assert.Equal(t, "router", c.Path[0].Host)
	assert.Equal(t, c.Translated, c.Path[0].Translated)
	assert.Len(t, c.Witnesses, 9)
	assert.Equal(t, []string{"one", "witnesses-agree"}, []string{v.Claims[0].Claim, v.Claims[1].Claim})
	text, err := json.Marshal(v)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"witnesses":{"client.packets":true,"client.sockets":`)
}

// A lab is as expected when each claim is.
func TestOutcomes(t *testing.T) {
	const (
		holds   = `a: {count: connections, n: 3}`
		refuted = `b: {count: connections, n: 2, expect: refuted}`
	)
	for name, c := range map[string]struct {
		claims string
		edit   string // a file that is lost
		want   claim.Outcome
		agree  string // the verdict on the witnesses
	}{
		"all hold":                           {claims: holds, want: claim.AsExpected, agree: "holds true"},
		"no claims":                          {claims: ``, want: claim.AsExpected, agree: "holds true"},
		"refuted, as expected":               {claims: holds + "\n" + refuted, want: claim.AsExpected, agree: "holds true"},
		"refuted":                            {claims: `a: {count: connections, n: 2}`, want: claim.NotAsExpected, agree: "holds true"},
		"holds, but was to be refuted":       {claims: `a: {count: connections, n: 3, expect: refuted}`, want: claim.NotAsExpected, agree: "holds true"},
		"holds, but was not to be shown":     {claims: `a: {count: connections, n: 3, expect: {not-shown: client2.packets}}`, want: claim.NotAsExpected, agree: "holds true"},
		"not shown":                          {claims: holds, edit: "client2.pcapng", want: claim.NotShown, agree: "not shown false"},
		"not shown and refuted":              {claims: holds + "\nc: {some: connections, is: 'client.host == \"client1\"', expect: refuted}", edit: "client2.pcapng", want: claim.NotAsExpected, agree: "not shown false"},
		"not shown, as expected":             {claims: `a: {count: connections, n: 3, expect: {not-shown: client2.packets}}`, edit: "client2.pcapng", want: claim.AsExpected, agree: "not shown true"},
		"not shown for another's want":       {claims: `a: {count: connections, n: 3, expect: {not-shown: client2.packets}}`, edit: "client1.pcapng", want: claim.NotShown, agree: "not shown false"},
		"not shown, but for want of rows":    {claims: `a: {every: connections, where: server.port == 1, is: opening == 1, expect: {not-shown: client2.packets}}`, want: claim.NotShown, agree: "holds true"},
		"another gap beside the expected":    {claims: `a: {some: client2.packets, is: '"RST" in flags', expect: {not-shown: client2.packets}}`, edit: "client2.pcapng server.files.jsonl", want: claim.NotShown, agree: "not shown false"},
		"another claim that is not shown":    {claims: holds + "\nb: {count: connections, n: 3, expect: {not-shown: client2.packets}}", edit: "client2.pcapng", want: claim.NotShown, agree: "not shown true"},
		"a claim that nobody can judge":      {claims: `a: {count: nothing, n: 3}`, want: claim.NotShown, agree: "holds true"},
		"witnesses that the claim needs not": {claims: `a: {some: server.sockets, is: local.port == 12000}`, edit: "client2.pcapng", want: claim.NotShown, agree: "not shown false"},
	} {
		t.Run(name, func(t *testing.T) {
			s := evidencetest.Read(t, evidencetest.First)
			s.Lab.Claims = claims(t, c.claims)
			v := judged(t, s, func(dir string) {
				for _, file := range strings.Fields(c.edit) {
					without(t, file)(dir)
				}
			})
			assert.Equal(t, c.want, v.Outcome, reasons(v))
			assert.Equal(t, c.want == claim.AsExpected, v.AsExpected)
			last := v.Claims[len(v.Claims)-1]
			assert.Equal(t, "witnesses-agree", last.Claim)
			assert.Equal(t, c.agree, fmt.Sprint(last.Outcome, " ", last.AsExpected), last.Reason)
		})
	}
}

// What went wrong in the run itself is the reason before anything else.
func TestReasonsOfRunsThatWentWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sample)
		want   string
	}{
		"a host that died": {func(s *sample) {
			h := s.Hosts["client2"]
			end := &h.Events[len(h.Events)-1]
			end.Event, end.Error, end.Seals = evidence.HostLost, "the container was killed, exit 137", nil
		}, "client2 died: the container was killed, exit 137"},
		"a program that was waited for": {func(s *sample) {
			for i := range s.Hosts["client2"].Events {
				if e := &s.Hosts["client2"].Events[i]; e.Event == evidence.HostReady {
					e.Event, e.Error = evidence.HostNotReady, "it waited a minute for a socket"
				}
			}
			s.Hosts["client2"].Packets = s.Hosts["client2"].Packets[:1]
		}, "client2: the run was cut short: it waited a minute for a socket"},
		"a program that failed": {func(s *sample) {
			forget(s)
			h := s.Hosts["server"]
			h.Sockets, h.Files = nil, nil
			h.Program = []evidence.ProgramEvent{{Header: h.Program[0].Header, Event: evidence.EventLine, Program: h.Program[0].Program, PID: h.Program[0].PID, Error: "listen on :80: permission denied"}}
			exit(s, "server", 2)
		}, "server says: listen on :80: permission denied, exit 2: there is no row of connections"},
	} {
		t.Run(name, func(t *testing.T) {
			s := evidencetest.Read(t, evidencetest.First)
			c.change(s)
			v := judged(t, s)
			assert.Equal(t, claim.NotShown, v.Outcome)
			one := v.Claims[0]
			assert.Equal(t, claim.NotShown, one.Outcome)
			assert.Contains(t, one.Reason, c.want)
		})
	}
}

// forget takes all connections from everybody.
func forget(s *sample) {
	for _, h := range s.Hosts {
		h.Packets = nil
		h.Sockets = slices.DeleteFunc(h.Sockets, func(r evidence.Socket) bool { return r.Remote.Port() != 0 })
		h.Files = slices.DeleteFunc(h.Files, func(f evidence.File) bool { return f.Remote.Port() != 0 })
		for i := range h.Program {
			e := &h.Program[i]
			*e = evidence.ProgramEvent{Header: e.Header, Event: evidence.EventLine, Program: e.Program, PID: e.PID, Text: "x"}
		}
	}
}

// exit lets a host's program end by itself before the snapshot.
func exit(s *sample, host string, status int) {
	h := s.Hosts[host]
	i := slices.IndexFunc(h.Events, func(e evidence.HostEvent) bool { return e.Event == evidence.HostExited })
	exited := h.Events[i]
	h.Events = slices.Delete(h.Events, i, i+1)
	ready := slices.IndexFunc(h.Events, func(e evidence.HostEvent) bool { return e.Event == evidence.HostReady })
	exited.Time, exited.Status = h.Events[ready].Time, &status
	h.Events = slices.Insert(h.Events, ready+1, exited)
}

// Of runs with steps: snapshots, spans, datagrams, and what steps answered.
func TestVerdictsOfSteps(t *testing.T) {
	for _, c := range []struct {
		run, claim, lost string
		want             claim.Outcome
		reason           string
	}{
		{"before-accept", `{at: waiting, some: server.sockets, is: 'state == "ESTABLISHED" && inode == 0'}`, "", claim.Holds, "1 row of server.sockets at waiting"},
		{"before-accept", `{at: accepted, some: server.sockets, where: 'state == "ESTABLISHED"', is: inode == 0}`, "", claim.Refuted, "inode == 0 is not true of the only row of server.sockets at accepted"},
		{"before-accept", `{at: waiting, some: server.sockets, is: 'state == "ESTABLISHED" && inode == 0'}`, "server.sockets.jsonl", claim.NotShown, "server.sockets: server.sockets.jsonl is missing"},
		{"before-accept", `{at: waiting, some: server.sockets, is: 'state == "ESTABLISHED" && inode == 0'}`, "server.host.jsonl", claim.NotShown, ""},
		{"before-accept", `{at: waiting, every: connections, is: 'outcome == "opened"'}`, "", claim.Holds, "outcome is opened in the only row of connections at waiting"},
		{"before-accept", `{at: waiting, every: connections, is: 'outcome == "opened"'}`, "client.host.jsonl", claim.NotShown, "client"},
		{"before-accept", `{at: [waiting, accepted], count: server.program, where: 'event == "call" && call == "accept"', n: 1}`, "", claim.Holds, "1 row of server.program from waiting to accepted"},
		{"before-accept", `{at: waiting, count: server.program, where: 'call == "accept"', n: 1}`, "", claim.Refuted, `there is no row of server.program at waiting where call == "accept"`},
		{"before-accept", `{every: steps, where: 'action == "type"', is: 'errno == ""'}`, "", claim.Holds, "errno is \"\""},
		{"before-accept", `{some: steps, where: 'action == "type"', is: 'errno == "EADDRINUSE"'}`, "", claim.Refuted, "is true of none of"},
		{"before-accept", `{some: steps, where: 'action == "type"', is: 'errno == "EADDRINUSE"'}`, "client.host.jsonl", claim.NotShown, "client"},
		{"udp", `{every: datagrams, where: destination.port == 12000, is: delivered}`, "", claim.Holds, "delivered is true"},
		{"udp", `{same: datagrams, where: destination.port == 12000, of: [source.address]}`, "", claim.Refuted, "source.address is 10.12."},
		{"udp", `{every: datagrams, where: destination.port == 12000, is: delivered}`, "server.pcapng", claim.NotShown, "server.packets: server.pcapng is missing"},
		{"udp", `{count: datagrams, n: 5}`, "client1.pcapng", claim.NotShown, "client1.packets: client1.pcapng is missing"},
		{"udp", `{none: connections, where: opening >= 1}`, "", claim.Holds, "there is no row of connections"},
	} {
		t.Run(c.run+" "+c.claim+" "+c.lost, func(t *testing.T) {
			f := openFolder(t, c.run)
			if c.lost != "" {
				without(t, c.lost)(f.dir)
			}
			run, err := evidence.Load(f.dir)
			require.NoError(t, err)
			run.Lab.Claims = claims(t, "claim: "+c.claim)
			require.Empty(t, claim.Check(run.Lab))
			v := claim.Judge(run)
			assert.Equal(t, c.want, v.Claims[0].Outcome, reasons(v))
			assert.Contains(t, v.Claims[0].Reason, c.reason)
		})
	}
}

// A verdict says of each datagram whether it came, where that is known.
func TestVerdictSaysWhatWasDelivered(t *testing.T) {
	for lost, want := range map[string]string{"": "true", "server.pcapng": "not known"} {
		f := openFolder(t, "udp")
		if lost != "" {
			without(t, lost)(f.dir)
		}
		run, err := evidence.Load(f.dir)
		require.NoError(t, err)
		datagrams := claim.Judge(run).Datagrams
		assert.Len(t, datagrams, 5)
		for _, d := range datagrams {
			said := "not known"
			if d.Delivered != nil {
				said = fmt.Sprint(*d.Delivered)
			}
			assert.Equal(t, want, said, "%s, without %s", d.FourTuple, lost)
		}
	}
}
