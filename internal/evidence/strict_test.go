package evidence_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
)

// event is the first event of that name in a host's account.
func event(s *evidencetest.Sample, host, name string) *evidence.HostEvent {
	for i := range s.Hosts[host].Events {
		if s.Hosts[host].Events[i].Event == name {
			return &s.Hosts[host].Events[i]
		}
	}
	panic(name)
}

func without(s *evidencetest.Sample, host, name string) {
	h := s.Hosts[host]
	var kept []evidence.HostEvent
	for _, e := range h.Events {
		if e.Event != name {
			kept = append(kept, e)
		}
	}
	h.Events = kept
}

// insert puts an event behind the nth of a host's account.
func insert(s *evidencetest.Sample, host string, n int, e evidence.HostEvent) {
	h := s.Hosts[host]
	e.Header = h.Events[n].Header
	h.Events = append(h.Events[:n+1], append([]evidence.HostEvent{e}, h.Events[n+1:]...)...)
}

// toldByChildren are a call of client1's that made a child, and lines of so many.
func toldByChildren(s *evidencetest.Sample, children int) []evidence.ProgramEvent {
	e := s.Hosts["client1"].Program[0]
	e.Header = s.Hosts["client1"].Program[len(s.Hosts["client1"].Program)-1].Header
	e.Local, e.Remote, e.Event, e.Call, e.Result = netip.AddrPort{}, netip.AddrPort{}, evidence.EventCall, "fork", 12
	events := []evidence.ProgramEvent{e}
	e.Event, e.Answer = evidence.EventLine, evidence.Answer{}
	for n := range children {
		e.PID, e.Text = 7+n, "hello"
		events = append(events, e)
	}
	return events
}

// Whoever writes a run by hand and seals it must tell a whole life and plausible
// rows: one record is changed, and its witness, and it alone, is not whole.
func TestLoadIsStrict(t *testing.T) {
	type sample = evidencetest.Sample
	elsewhere := netip.MustParsePrefix("10.99.0.1/24")
	for name, c := range map[string]struct {
		change func(*sample)
		want   string // witness of client1, and part of the text
	}{
		"unknown event":     {func(s *sample) { event(s, "client1", "ready").Event = "steady" }, `host: client1.host.jsonl:4: there is no event "steady"`},
		"not registered":    {func(s *sample) { event(s, "client1", "registered").Event = "live" }, ""},
		"registered twice":  {func(s *sample) { insert(s, "client1", 1, evidence.HostEvent{Event: "registered"}) }, `host: client1.host.jsonl:3: "registered"`},
		"live twice":        {func(s *sample) { insert(s, "client1", 1, *event(s, "client1", "live")) }, `host: client1.host.jsonl:3: "live" a second time`},
		"never live":        {func(s *sample) { without(s, "client1", "live") }, ""},
		"never started":     {func(s *sample) { without(s, "client1", "started") }, ""},
		"never exited":      {func(s *sample) { without(s, "client1", "exited") }, "host: client1.host.jsonl:8: step 4, and the host's command has not ended"},
		"never stopped":     {func(s *sample) { without(s, "client1", "stopped") }, `host: client1.host.jsonl has no event "stopped"`},
		"no time":           {func(s *sample) { event(s, "client1", "registered").Time = time.Time{} }, ""},
		"no first snapshot": {func(s *sample) { event(s, "client1", "live").Snapshot = 0 }, "host: client1.host.jsonl:2: there is no snapshot 0"},
		"nobody's listener": {func(s *sample) {
			h := s.Hosts["client1"]
			h.Sockets[0].State, h.Sockets[0].Remote, h.Sockets[0].Inode = "LISTEN", netip.MustParseAddrPort("0.0.0.0:0"), 0
		}, "sockets: client1.sockets.jsonl:1: a socket with inode 0 cannot be in LISTEN"},
		"access":           {func(s *sample) { s.Hosts["client1"].Files[0].Access = "x" }, "files: client1.files.jsonl:1: descriptor 0x of process "},
		"events swapped":   {func(s *sample) { p := s.Hosts["client1"].Program; p[1], p[2] = p[2], p[1] }, "program: client1.program.jsonl:3: its time "},
		"neither ready":    {func(s *sample) { without(s, "client1", "ready") }, "host: client1.host.jsonl:4: step 2, and it is not said whether the host's command was ready"},
		"not ready":        {func(s *sample) { event(s, "client1", "ready").Event = "not ready" }, "none"},
		"no snapshot":      {func(s *sample) { without(s, "client1", "snapshot") }, ""},
		"another snapshot": {func(s *sample) { event(s, "client1", "snapshot").Name = "settling" }, "host: client1.host.jsonl:6: a snapshot \"settling\" that no step asks for here"},
		"snapshot again": {func(s *sample) {
			insert(s, "client1", 6, evidence.HostEvent{Event: "snapshot", Name: "settled", Snapshot: 4})
			s.Hosts["client1"].Sockets[2].Snapshot = 5
		}, "none"},
		"falling snapshot": {func(s *sample) { event(s, "client1", "snapshot").Snapshot = 1 }, ""},
		"error": {func(s *sample) {
			insert(s, "client1", 2, evidence.HostEvent{Event: "error", Error: "no\x1b[31m space"})
		}, "host: client1.host.jsonl:4: client1 says: no\ufffd[31m space"},
		"after the end":   {func(s *sample) { insert(s, "client1", 10, evidence.HostEvent{Event: "stopped"}) }, `host: client1.host.jsonl:12: "stopped" after the end`},
		"no process":      {func(s *sample) { event(s, "client1", "started").PID = 0 }, ""},
		"another program": {func(s *sample) { event(s, "client1", "started").Command = []string{"true"} }, "host: client1.host.jsonl:3: process "},
		"no status":       {func(s *sample) { event(s, "client1", "exited").Status = nil }, "host: client1.host.jsonl:8: an end without a status"},
		"time goes back":  {func(s *sample) { event(s, "client1", "ready").Time = event(s, "client1", "registered").Time }, ""},
		"second address": {func(s *sample) {
			i := &event(s, "client1", "live").Interfaces[1]
			i.Addresses = append(i.Addresses, elsewhere)
		}, `host: client1.host.jsonl:2: "eth0" has the address 10.99.0.1/24, which is not the lab's`},
		"no address":     {func(s *sample) { event(s, "client1", "live").Interfaces[1].Addresses = nil }, "host: client1.host.jsonl:2: no interface has the address 10.12.1.10/24"},
		"same interface": {func(s *sample) { event(s, "client1", "live").Interfaces[1].Index = 1 }, `host: client1.host.jsonl:2: "eth0" cannot have the number 1`},
		"link-local address": {func(s *sample) {
			i := &event(s, "client1", "live").Interfaces[1]
			i.Addresses = append(i.Addresses, netip.MustParsePrefix("fe80::1/64"))
		}, "none"},

		"state":             {func(s *sample) { s.Hosts["client1"].Sockets[0].State = "BANANA" }, "sockets: client1.sockets.jsonl:1: state BANANA is none of TCP's"},
		"protocol":          {func(s *sample) { s.Hosts["client1"].Sockets[0].Protocol = "sctp" }, "sockets: client1.sockets.jsonl:1: protocol sctp is none of"},
		"udp":               {func(s *sample) { r := &s.Hosts["client1"].Sockets[0]; r.Protocol, r.State = "udp", "FIN_WAIT1" }, "sockets: client1.sockets.jsonl:1: state FIN_WAIT1 is none of UDP's"},
		"family":            {func(s *sample) { r := &s.Hosts["client1"].Sockets[0]; r.Local = netip.MustParseAddrPort("[fd12::1]:4") }, "sockets: client1.sockets.jsonl:1: [fd12::1]:4 and 10.12.0.10:12000 are no endpoints"},
		"no remote":         {func(s *sample) { s.Hosts["client1"].Sockets[0].Remote = netip.MustParseAddrPort("0.0.0.0:0") }, "sockets: client1.sockets.jsonl:1: a socket from 10.12.1.10:40001 to 0.0.0.0:0 cannot be ESTABLISHED"},
		"listener's remote": {func(s *sample) { s.Hosts["client1"].Sockets[0].State = "LISTEN" }, "sockets: client1.sockets.jsonl:1: a socket that listens"},
		"row twice":         {func(s *sample) { h := s.Hosts["client1"]; h.Sockets = slices.Insert(h.Sockets, 1, h.Sockets[0]) }, "sockets: client1.sockets.jsonl:2: the same row twice in snapshot 2"},
		"snapshot 0":        {func(s *sample) { s.Hosts["client1"].Sockets[0].Snapshot = 0 }, "sockets: client1.sockets.jsonl:1: snapshot 0 comes after"},
		"snapshots mixed": {func(s *sample) {
			h := s.Hosts["client1"]
			r := h.Sockets[0]
			r.Snapshot = 1
			h.Sockets = slices.Insert(h.Sockets, 1, r)
		}, "sockets: client1.sockets.jsonl:2: snapshot 1 comes after snapshot 2"},
		"another host's row": {func(s *sample) { s.Hosts["client1"].Sockets[0].Host = "client2" }, `sockets: client1.sockets.jsonl:1: a record of "client2" by "sockets"`},
		"before its life":    {func(s *sample) { h := &s.Hosts["client1"].Sockets[0].Header; h.Time = h.Time.Add(-time.Hour) }, "sockets: client1.sockets.jsonl:1: its time "},

		"descriptor twice":   {func(s *sample) { s.Hosts["client1"].Files[1].FD = 0 }, "files: client1.files.jsonl:2: the same row twice"},
		"socket's inode":     {func(s *sample) { s.Hosts["client1"].Files[3].Inode = 9 }, `files: client1.files.jsonl:4: target "socket:[`},
		"file's state":       {func(s *sample) { s.Hosts["client1"].Files[3].State = "OPEN" }, "files: client1.files.jsonl:4: state OPEN is none of TCP's"},
		"state of no socket": {func(s *sample) { s.Hosts["client1"].Files[0].State = "LISTEN" }, "files: client1.files.jsonl:1: a row of a socket and of none"},
		"another process": {func(s *sample) {
			f := s.Hosts["client1"].Files
			for i := range f {
				f[i].PID = 7
			}
		}, "files: client1.files.jsonl:1: process 7 is no program that was started"},
		"two dumps at once": {func(s *sample) {
			h := s.Hosts["client1"]
			h.Files[len(h.Files)-1].Snapshot++
		}, "files: client1.files.jsonl:12: snapshot 4 has the time of snapshot 3"},
		"child that outlives it": {func(s *sample) {
			h := s.Hosts["client1"]
			f := h.Files[len(h.Files)-1]
			f.PID, f.Snapshot, f.Time = 7, f.Snapshot+1, f.Time.Add(time.Microsecond)
			h.Files = append(h.Files, f)
		}, "none"},

		"program's event": {func(s *sample) { s.Hosts["client1"].Program[0].Event = "flew" }, `program: client1.program.jsonl:1: there is no event "flew"`},
		"no remote end":   {func(s *sample) { s.Hosts["client1"].Program[0].Remote = netip.AddrPort{} }, `program: client1.program.jsonl:1: "connected" without both endpoints`},
		"no text":         {func(s *sample) { s.Hosts["client1"].Program[1].Text = "" }, "program: client1.program.jsonl:2: 22 bytes with a payload of 0"},
		"bytes":           {func(s *sample) { s.Hosts["client1"].Program[1].Bytes = 9999 }, "program: client1.program.jsonl:2: 9999 bytes with a payload of 22"},
		"two forms":       {func(s *sample) { s.Hosts["client1"].Program[1].Base64 = []byte("x") }, "program: client1.program.jsonl:2: a payload in two forms"},
		"forked": {func(s *sample) {
			s.Hosts["client1"].Program = append(s.Hosts["client1"].Program, toldByChildren(s, 1)...)
		}, "none"},
		"not forked": {func(s *sample) {
			s.Hosts["client1"].Program = append(s.Hosts["client1"].Program, toldByChildren(s, 2)...)
		}, `program: client1.program.jsonl:9: process 8 of program "" was not started`},
		"a line of output": {func(s *sample) { e := &s.Hosts["client1"].Program[5]; e.Event, e.Text = "line", "bye" }, "none"},

		"packet on lo":         {func(s *sample) { s.Hosts["client1"].Packets[3].Interface = "lo" }, `packets: client1.pcapng has packet 4 from 10.12.0.10:12000 to 10.12.1.10:40001 on "lo", which leads`},
		"packet after the end": {func(s *sample) { p := s.Hosts["client1"].Packets; p[len(p)-1].Time = p[0].Time.Add(time.Hour) }, "packets: client1.pcapng has packet 12 at "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := evidencetest.Read(t, evidencetest.First)
			c.change(s)
			s.Write(t, dir)
			all := defects(load(t, dir))
			switch c.want {
			case "none":
				assert.Empty(t, all)
			case "": // a witness more hangs on it
				require.NotEmpty(t, all)
				for _, d := range all {
					assert.Contains(t, d, "client1")
				}
			default:
				require.Len(t, all, 1)
				assert.Contains(t, all[0], "client1/"+c.want)
			}
		})
	}
}

// A seal names its file, and its numbers are those of the file.
func TestLoadChecksSeals(t *testing.T) {
	sample := evidencetest.Copy(t, evidencetest.First)
	for name, c := range map[string]struct {
		change func(s []evidence.Seal) []evidence.Seal // of files, packets, program and sockets
		want   string
	}{
		"dropped": {func(s []evidence.Seal) []evidence.Seal { s[3].Dropped = 3; return s }, "sockets: client1.sockets.jsonl is incomplete: 3 were dropped"},
		"error":   {func(s []evidence.Seal) []evidence.Seal { s[3].Error = "no space"; return s }, "sockets: client1.sockets.jsonl is incomplete: no space"},
		"records": {func(s []evidence.Seal) []evidence.Seal { s[3].Records = 7; return s }, "sockets: client1.sockets.jsonl has 3 records, its seal says 7"},
		"packets": {func(s []evidence.Seal) []evidence.Seal { s[1].Records++; return s }, "packets: client1.pcapng has 12 records, its seal says 13"},
		"hash":    {func(s []evidence.Seal) []evidence.Seal { s[3].SHA256 = s[0].SHA256; return s }, "sockets: client1.sockets.jsonl was changed"},
		"bytes":   {func(s []evidence.Seal) []evidence.Seal { s[3].Bytes--; return s }, "sockets: client1.sockets.jsonl was changed"},
		"missing": {func(s []evidence.Seal) []evidence.Seal { return s[:3] }, "sockets: client1.sockets.jsonl was not sealed"},
		"twice":   {func(s []evidence.Seal) []evidence.Seal { return append(s, s[3]) }, `host: client1.host.jsonl:11: one seal too many, of "sockets"`},
		"NAT": {func(s []evidence.Seal) []evidence.Seal {
			return append(s, evidence.Seal{Witness: "conntrack", File: "client1.conntrack.jsonl"})
		}, `host: client1.host.jsonl:11: one seal too many, of "conntrack"`},
		"file":     {func(s []evidence.Seal) []evidence.Seal { s[2].File = "client2.program.jsonl"; return s }, `host: client1.host.jsonl:11: "client2.program.jsonl" is not the file of program`},
		"negative": {func(s []evidence.Seal) []evidence.Seal { s[2].Dropped = -1; return s }, "host: client1.host.jsonl:11: the seal of client1.program.jsonl has a negative number"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(sample)))
			evidencetest.Edit(t, dir, "client1.host.jsonl", func(data []byte) []byte {
				events := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
				var e evidence.HostEvent
				require.NoError(t, json.Unmarshal(events[len(events)-1], &e))
				slices.SortFunc(e.Seals, func(a, b evidence.Seal) int { return strings.Compare(a.File, b.File) })
				e.Seals = c.change(e.Seals)
				last, err := json.Marshal(e)
				require.NoError(t, err)
				return append(bytes.Join(append(events[:len(events)-1], last), []byte("\n")), '\n')
			})
			assert.Contains(t, strings.Join(defects(load(t, dir)), "\n"), "client1/"+c.want)
		})
	}
}

// Lines are written by hand, and sealed.
func TestLoadReadsRecordsOnly(t *testing.T) {
	row := `{"time":"2026-11-25T02:58:25.71352088Z","host":"client1","witness":"sockets","snapshot":2,"protocol":"tcp","state":"CLOSE","local":"0.0.0.0:0","remote":"0.0.0.0:0","recvQueue":0,"sendQueue":0,"uid":0,"inode":7%s}`
	for name, c := range map[string]struct{ text, want string }{
		"a row":         {fmt.Sprintf(row, "") + "\n", ""},
		"unknown field": {fmt.Sprintf(row, `,"port":1`) + "\n", `client1.sockets.jsonl:1: json: unknown field "port"`},
		"a field less":  {fmt.Sprintf(strings.Replace(row, `"recvQueue":0,`, "", 1), "") + "\n", "client1.sockets.jsonl:1: not as an agent writes it"},
		"a field twice": {fmt.Sprintf(row, `,"inode":8`) + "\n", "client1.sockets.jsonl:1: not as an agent writes it"},
		"two values":    {fmt.Sprintf(row, "") + "{}\n", "client1.sockets.jsonl:1: more than one JSON value"},
		"half a line":   {fmt.Sprintf(row, ""), "client1.sockets.jsonl:1: cut short"},
		"empty line":    {"\n", "client1.sockets.jsonl:1: EOF"},
		"negative":      {fmt.Sprintf(strings.Replace(row, `"uid":0`, `"uid":-1`, 1), "") + "\n", "client1.sockets.jsonl:1: json: cannot unmarshal number -1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := evidencetest.Copy(t, evidencetest.First)
			evidencetest.Edit(t, dir, "client1.sockets.jsonl", func([]byte) []byte { return []byte(c.text) })
			evidencetest.Reseal(t, dir)
			got := load(t, dir).Hosts["client1"].Defect(evidence.Sockets)
			if c.want == "" {
				assert.Empty(t, got)
				return
			}
			assert.Contains(t, got, c.want)
		})
	}
}

// A host whose stream ended is dead by the coordinator's word: what arrived
// counts, and each of its files is cut.
func TestLoadTakesWhatADeadHostLeft(t *testing.T) {
	dir := t.TempDir()
	s := evidencetest.Read(t, evidencetest.First)
	h := s.Hosts["client1"]
	h.Events[5] = evidence.HostEvent{Header: h.Events[5].Header, Event: evidence.HostLost, Error: "its stream ended (status 137)"}
	h.Events = h.Events[:6]
	h.Events[5].Time = h.Events[0].Time.Add(-time.Minute) // the coordinator's clock
	s.Write(t, dir)
	r := load(t, dir)
	all := defects(r)
	require.Len(t, all, 5)
	for _, d := range all {
		assert.Contains(t, d, "client1 ended early: its stream ended (status 137)")
	}
	got := r.Hosts["client1"]
	assert.Len(t, got.Sockets, 3)
	assert.Len(t, got.Packets, 12)
}

// Files of another run, a lab that was edited, and hosts the lab does not have.
func TestLoadDistrustsAnotherRun(t *testing.T) {
	dir, other := evidencetest.Copy(t, evidencetest.First), t.TempDir()
	evidencetest.Read(t, evidencetest.First).Write(t, other)
	kept, err := os.ReadFile(filepath.Join(dir, "client1.host.jsonl"))
	require.NoError(t, err)
	foreign, err := os.ReadFile(filepath.Join(other, "client1.host.jsonl"))
	require.NoError(t, err)
	evidencetest.Edit(t, dir, "client1.host.jsonl", func([]byte) []byte { return foreign })
	r := load(t, dir)
	assert.Equal(t, []string{"client1's files are of another run"}, r.Defects)
	assert.Equal(t, "client1's files are of another run", r.Hosts["client1"].Defect(evidence.Packets))
	assert.Empty(t, r.Hosts["client1"].Packets)
	assert.Empty(t, r.Hosts["client2"].Defects)

	evidencetest.Edit(t, dir, "client1.host.jsonl", func([]byte) []byte { return kept })
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mallory.sockets.jsonl"), nil, 0o644))
	r = load(t, dir)
	assert.Equal(t, []string{"the lab has no host mallory"}, r.Defects)
	assert.Equal(t, "the lab has no host mallory", r.Hosts["mallory"].Defect(evidence.Sockets))
	require.NoError(t, os.Remove(filepath.Join(dir, "mallory.sockets.jsonl")))

	evidencetest.Edit(t, dir, "lab.yml", func([]byte) []byte { return []byte("x-lab: {name: another}") })
	assert.Empty(t, defects(load(t, dir)), "lab.yml is not read")
	evidencetest.Edit(t, dir, "lab.json", func(d []byte) []byte { return bytes.Replace(d, []byte("12000"), []byte("12001"), 1) })
	r = load(t, dir)
	assert.Len(t, r.Defects, 5)
	assert.Equal(t, "lab.json is not the lab that server ran", r.Hosts["server"].Defect(evidence.Files))
}

func TestLoadWantsARun(t *testing.T) {
	for name, c := range map[string]struct{ lab, want string }{
		"no lab":        {"", "is no run folder: lab.json is missing"},
		"no JSON":       {"x-lab: {}\n", "is no run folder: invalid character 'x'"},
		"unknown field": {`{"run": "1", "tricks": 1}`, `is no run folder: json: unknown field "tricks"`},
		"no run":        {`{"name": "x"}`, "is no run folder: lab.json has no run"},
		"step":          {`{"run": "1", "steps": [{"action": "sleep", "number": 2}]}`, "is no run folder: lab.json has step 2 where step 1 must be"},
		"steps":         {`{"run": "1", "steps": [` + strings.Repeat(`{"action": "sleep"},`, 1<<20) + `{"action": "sleep"}]}`, "is no run folder: lab.json has 1048577 steps on 0 hosts"},
		"same host":     {`{"run": "1", "hosts": [{"name": "a"}, {"name": "a"}]}`, `is no run folder: lab.json has two hosts "a"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.lab != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, evidence.LabFile), []byte(c.lab), 0o644))
			}
			_, err := evidence.Load(dir)
			assert.ErrorContains(t, err, c.want)
		})
	}
	var none *evidence.Host
	assert.Equal(t, "the run has no such host", none.Defect(evidence.Packets))
}

// A conntrack table is believed only of a host that the lab lets translate.
func TestLoadBelievesTranslationsOfRoutersOnly(t *testing.T) {
	dir := t.TempDir()
	s := evidencetest.Read(t, evidencetest.Masqueraded)
	s.Hosts["router"].Translations[1].Translated = s.Hosts["router"].Translations[1].Original
	s.Write(t, dir)
	assert.Contains(t, strings.Join(defects(load(t, dir)), "\n"), "router/conntrack: router.conntrack.jsonl:2: 10.12.3.10:40003 -> 10.12.0.10:12000 to")
	data, err := os.ReadFile(filepath.Join(dir, "router.conntrack.jsonl"))
	require.NoError(t, err)

	dir = evidencetest.Copy(t, evidencetest.First)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "router.conntrack.jsonl"), data, 0o644))
	r := load(t, dir)
	assert.Equal(t, []string{"router/conntrack: router.conntrack.jsonl is of a host that translates nothing"}, defects(r))
	assert.Empty(t, r.Hosts["router"].Translations)
}
