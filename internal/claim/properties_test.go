package claim_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// asked are claims of every quantifier and macro, on every table: some hold,
// some are refuted, some are not shown.
const asked = `
one-port: {of: 'server:12000'}
distinct-sources: {of: 'server:12000'}
message-ports: {of: 'server:12000'}
one-socket-each: {of: 'server:12000'}
every: {every: connections, where: 'server.host == "server"', is: server.port == 12000, n: 3}
every-not: {every: connections, is: 'client.host == "client1"'}
every-socket: {every: server.sockets, is: local.port == 12000}
every-file: {every: server.files, where: 'protocol == "tcp"', is: 'state != "CLOSE"'}
some: {some: server.sockets, is: 'state == "LISTEN"'}
some-not: {some: connections, is: 'outcome == "refused"'}
some-of-one: {some: client1.sockets, is: remote.port == 12000}
none: {none: server.packets, is: '"RST" in flags'}
none-not: {none: connections, is: 'server.state == "ESTABLISHED"'}
count: {count: connections, where: '"router" in path', n: 3}
count-not: {count: connections, n: '> 3'}
count-events: {count: server.program, where: 'event == "accepted"', n: 3}
distinct: {distinct: connections, of: [source.address, source.port]}
distinct-translated: {distinct: connections, of: [translated.source.address]}
same: {same: connections, of: [destination.port]}
same-not: {same: connections, of: [client.host]}
before: {before: [{in: client1.packets, where: '"SYN" in flags'}, {in: server.program, where: 'event == "accepted" && remote.port == 40001'}]}
before-not: {before: [{in: client1.program, where: 'event == "received"'}, {in: client1.packets, where: length > 0}]}
steps: {some: steps, where: 'action == "snapshot"', is: done}
seen: {every: connections, is: server.port == 12000, witnesses: [client.packets, server.packets], seen-by: 2}
few: {count: connections, where: 'client.host == "client2" && client.state == "ESTABLISHED"', n: 1}
`

func outcomes(v claim.Verdict) map[string]claim.Outcome {
	all := make(map[string]claim.Outcome)
	for _, f := range v.Claims {
		all[f.Claim] = f.Outcome
	}
	return all
}

// Removing evidence makes no verdict firmer: it stays as it is, or is not shown.
func TestRemovingEvidenceShowsNoMore(t *testing.T) {
	for _, kept := range []string{evidencetest.First, evidencetest.Masqueraded} {
		s := evidencetest.Read(t, kept)
		s.Lab.Claims = claims(t, asked)
		dir := filepath.Join(t.TempDir(), "run")
		s.Write(t, dir)
		run, err := evidence.Load(dir)
		require.NoError(t, err)
		whole := outcomes(claim.Judge(run))
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		files = slices.DeleteFunc(files, func(f string) bool { return strings.HasPrefix(filepath.Base(f), "lab.") })
		rapid.Check(t, func(t *rapid.T) {
			changed := make(map[string][]byte)
			defer func() {
				for file, data := range changed {
					require.NoError(t, os.WriteFile(file, data, 0o644))
				}
			}()
			for _, file := range rapid.SliceOfNDistinct(rapid.SampledFrom(files), 1, 3, rapid.ID[string]).Draw(t, "files") {
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				changed[file] = data
				if keep := rapid.IntRange(-1, len(data)).Draw(t, "keep"); keep < 0 {
					require.NoError(t, os.Remove(file))
				} else {
					require.NoError(t, os.WriteFile(file, data[:keep], 0o644))
				}
			}
			run, err := evidence.Load(dir)
			require.NoError(t, err)
			v := claim.Judge(run)
			for _, f := range v.Claims {
				if f.Outcome != whole[f.Claim] && f.Outcome != claim.NotShown {
					t.Fatalf("%s was %s, and is %s: %s", f.Claim, whole[f.Claim], f.Outcome, f.Reason)
				}
			}
		})
	}
}

// The order of the rows of a dump says nothing.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	s := evidencetest.Read(t, evidencetest.First)
	s.Lab.Claims = claims(t, asked)
	want := outcomes(judged(t, s))
	for seed := range uint64(5) {
		random := rand.New(rand.NewPCG(seed, 0))
		for _, h := range s.Hosts {
			shuffle(random, h.Sockets, func(s evidence.Socket) int { return s.Snapshot })
			shuffle(random, h.Files, func(f evidence.File) int { return f.Snapshot })
			shuffle(random, h.Translations, func(t evidence.Translation) int { return t.Snapshot })
		}
		v := judged(t, s)
		require.Equal(t, want, outcomes(v), reasons(v))
	}
}

// shuffle changes the order of rows within each dump.
func shuffle[R any](random *rand.Rand, rows []R, dump func(R) int) {
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && dump(rows[n]) == dump(rows[0]) {
			n++
		}
		random.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		rows = rows[n:]
	}
}

// Hosts may have other names, in another order.
func TestNamesOfHostsDoNotMatter(t *testing.T) {
	for _, kept := range []string{evidencetest.First, evidencetest.Masqueraded} {
		s := evidencetest.Read(t, kept)
		s.Lab.Claims = claims(t, asked)
		want := outcomes(judged(t, s))
		names := map[string]string{"client1": "zoe", "client2": "yan", "client3": "bob", "router": "away", "server": "mid"}
		var pairs []string
		for from, to := range names {
			pairs = append(pairs, from+".", to+".", `"`+from+`"`, `"`+to+`"`, from+":", to+":")
		}
		s = renamed(evidencetest.Read(t, kept), names)
		// Columns of connections are called client and server, too.
		text := strings.NewReplacer(append([]string{"server.host", "server.host", "server.port", "server.port", "server.state", "server.state", "client.packets", "client.packets", "server.packets]", "server.packets]"}, pairs...)...).Replace(asked)
		s.Lab.Claims = claims(t, text)
		require.Empty(t, claim.Check(s.Lab))
		v := judged(t, s)
		require.Equal(t, want, outcomes(v), reasons(v))
	}
}

func renamed(s *sample, names map[string]string) *sample {
	hosts, interfaces := make(map[string]*evidence.Host), make(map[string][]string)
	for from, to := range names {
		h := s.Hosts[from]
		h.Name = to
		hosts[to], interfaces[to] = h, s.Interfaces[from]
		for i := range h.Events {
			h.Events[i].Host = to
		}
		for i := range h.Sockets {
			h.Sockets[i].Host = to
		}
		for i := range h.Files {
			h.Files[i].Host = to
		}
		for i := range h.Program {
			h.Program[i].Host = to
		}
		for i := range h.Translations {
			h.Translations[i].Host = to
		}
	}
	s.Hosts, s.Interfaces = hosts, interfaces
	rename := func(list []string) {
		for i := range list {
			list[i] = names[list[i]]
		}
	}
	rename(s.Lab.Clients)
	for i := range s.Lab.Hosts {
		h := &s.Lab.Hosts[i]
		h.Name = names[h.Name]
		rename(h.DependsOn)
	}
	for i := range s.Lab.Steps {
		rename(s.Lab.Steps[i].On)
	}
	slices.SortFunc(s.Lab.Hosts, func(a, b topology.Host) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// The same folder gives the same verdict every time.
func TestVerdictIsTheSameEveryTime(t *testing.T) {
	s := evidencetest.Read(t, evidencetest.Masqueraded)
	s.Lab.Claims = claims(t, asked)
	s.Hosts["client2"].Sockets[0].State = evidence.SynSent
	s.Hosts["server"].Files[5].State = evidence.CloseWait
	dir := filepath.Join(t.TempDir(), "run")
	s.Write(t, dir)
	first := ""
	for range 20 {
		run, err := evidence.Load(dir)
		require.NoError(t, err)
		text, err := json.Marshal(claim.Judge(run))
		require.NoError(t, err)
		if first == "" {
			first = string(text)
		}
		require.Equal(t, first, string(text))
	}
}
