package claim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/evidence/evidencetest"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func judged(t testing.TB, s *evidencetest.Sample) claim.Verdict {
	t.Helper()
	dir := t.TempDir() + "/run"
	s.Write(t, dir)
	run, err := evidence.Load(dir)
	require.NoError(t, err)
	return claim.Judge(run)
}

// outcomes are the claims' in the order of the lab, as letters: h, r, n.
func outcomes(v claim.Verdict) string {
	var letters strings.Builder
	for _, f := range v.Claims {
		letters.WriteByte(f.Outcome[0])
	}
	return letters.String()
}

func reasons(v claim.Verdict) string {
	var all []string
	for _, f := range v.Claims {
		all = append(all, f.Claim+": "+f.Reason)
	}
	return strings.Join(all, "\n")
}

// The claims of the first lab, in its order: one-port, distinct-sources,
// message-ports, one-socket-each, witnesses-agree.
func TestVerdicts(t *testing.T) {
	type sample = evidencetest.Sample
	from1 := evidencetest.ClientEnd(1)
	for name, c := range map[string]struct {
		masquerade bool
		change     func(*sample)
		want       string // the outcome of each claim
		reason     string // is in the reasons
	}{
		"whole evidence": {want: "hhhhh", reason: "9 witnesses on each of 3 connections"},
		"masquerade": {
			masquerade: true, want: "hrhhh",
			reason: "the server saw the connections of client1 and client2 from one source address, 10.12.0.254:40001 and 10.12.0.254:40002",
		},
		"another port": {
			change: func(s *sample) { s.Lab.Port = 12001 }, want: "rhrhh",
			reason: "the socket accepted from 10.12.1.10:40001 sits on port 12000, not 12001 (server.sockets.jsonl:11, tcp 10.12.0.10:12000 10.12.1.10:40001 ESTABLISHED)",
		},
		"all clients on one subnet": {
			change: func(s *sample) { s.Lab.Subnets[0].Prefix = netip.MustParsePrefix("10.12.0.0/16") }, want: "hrhhh",
			reason: "the sources of client1 and client2 are on one subnet, cafe",
		},

		// Of a connection that was forged at one end only.
		"one more row of a client's socket table": {change: func(s *sample) {
			h := s.Hosts["client1"]
			row := h.Sockets[0]
			row.Local, row.Inode = netip.AddrPortFrom(row.Local.Addr(), 40099), 777
			h.Sockets = append(h.Sockets, row)
		}, want: "nnnnn", reason: "client1.sockets: it contradicts the open files: socket 777, 10.12.1.10:40099 -> 10.12.0.10:12000, is in dump 2 of the table and among no open files"},
		"a phantom among the server's files": {change: func(s *sample) {
			h := s.Hosts["server"]
			row := h.Files[len(h.Files)-1]
			row.Remote, row.Inode, row.FD, row.Target = netip.MustParseAddrPort("10.12.3.10:5"), 777, 50, "socket:[777]"
			h.Files = append(h.Files, row)
		}, want: "nnnnn", reason: "socket 777, 10.12.0.10:12000 -> 10.12.3.10:5, is an open file in dump 5 and not in the table"},
		"a sent message to nobody": {change: func(s *sample) {
			p := s.Hosts["client1"].Program
			p[2].Remote = netip.AddrPortFrom(p[2].Remote.Addr(), 9)
		}, want: "nnnnn", reason: `its program says "sent" of 10.12.1.10:40001 -> 10.12.0.10:9`},
		"data without SYN-ACK": {change: func(s *sample) {
			for _, name := range []string{"client1", "router", "server"} {
				h := s.Hosts[name]
				h.Packets = slices.DeleteFunc(h.Packets, func(p evidence.Packet) bool {
					return p.Flags.Has(evidence.SYN|evidence.ACK) && p.Destination == from1
				})
			}
		}, want: "nnnnn", reason: "client1 has no connection to server: what became of its attempt to reach 10.12.0.10:12000 cannot be told"},

		// Two hosts with the same numbers and other endpoints.
		"a translation that no router made": {change: func(s *sample) { at(s, 40099, "client1") }, want: "nnnnn", reason: ""},
		"two witnesses against five": {change: func(s *sample) {
			for i := range s.Hosts["server"].Sockets {
				s.Hosts["server"].Sockets[i].Local = netip.AddrPortFrom(s.Hosts["server"].Sockets[i].Local.Addr(), 12001)
			}
			for i := range s.Hosts["server"].Files {
				if f := &s.Hosts["server"].Files[i]; f.Inode != 0 {
					f.Local = netip.AddrPortFrom(f.Local.Addr(), 12001)
				}
			}
		}, want: "nnnnn", reason: "12001"},
		"swapped translations": {masquerade: true, change: func(s *sample) {
			r := s.Hosts["router"].Translations
			r[0].Translated, r[1].Translated = r[1].Translated, r[0].Translated
		}, want: "nnnnn", reason: "its capture does not have the SYN in as the one and out as the other"},
		"a translation of the server's": {change: func(s *sample) {
			s.Lab.Hosts[4].Masquerade = nil
			s.Hosts["server"].Translations = []evidence.Translation{{Original: evidence.FourTuple{Source: from1, Destination: evidencetest.ServerEnd}}}
		}, want: "hhhhh"}, // there is no file of it

		// What witnesses of one host say of each other.
		"one file at two descriptors": {change: func(s *sample) {
			h := s.Hosts["server"]
			row := h.Files[28]
			row.FD = 44
			h.Files = append(h.Files, row)
		}, want: "hhhnh", reason: "is open more than once: descriptor 4 of process 18555, descriptor 44 of process 18555; only server.files tells that"},
		"a second listener": {change: func(s *sample) {
			h := s.Hosts["server"]
			row := h.Sockets[9]
			row.Local, row.Inode = netip.MustParseAddrPort("0.0.0.0:80"), 99
			h.Sockets = append(h.Sockets, row)
		}, want: "nnnnn", reason: "socket 99, 0.0.0.0:80 -> 0.0.0.0:0, is in dump 5 of the table and among no open files"},
		"an accepted socket with the listener's inode": {change: func(s *sample) {
			s.Hosts["server"].Sockets[10].Inode = s.Hosts["server"].Sockets[9].Inode
		}, want: "nnnnn", reason: "server.sockets.jsonl:11: the same row twice in snapshot 5"},
		"a second listener in another dump": {change: func(s *sample) {
			h := s.Hosts["server"]
			row := h.Sockets[1]
			row.Inode = 99
			h.Sockets = slices.Insert(h.Sockets, 2, row)
		}, want: "nnnnn", reason: "socket 99, 0.0.0.0:12000 -> 0.0.0.0:0, is in dump 3 of the table and among no open files"},
		"an open file that is not yet connected": {change: func(s *sample) { s.Hosts["server"].Files[10].State = evidence.SynSent }, want: "nnhnn", reason: "SYN_SENT"},
		"a closed connection that its program says nothing of": {change: func(s *sample) {
			s.Hosts["client1"].Program = s.Hosts["client1"].Program[:5]
		}, want: "hhhhn", reason: "it does not say that it closed the connection"},
		"a connection of a child that was killed": {change: func(s *sample) {
			h := s.Hosts["client1"]
			h.Program = h.Program[:5]
			for _, row := range h.Files {
				row.PID++
				h.Files = append(h.Files, row)
			}
			h.Files = slices.Delete(h.Files, 5, 6)
		}, want: "hhhhh"},
		"not a client's state": {change: func(s *sample) { s.Hosts["client1"].Sockets[0].State = evidence.SynSent }, want: "hhhhn", reason: "SYN_SENT"},
		"another user":         {change: func(s *sample) { s.Hosts["client1"].Sockets[0].UID = 0 }, want: "nnnnn", reason: "a socket of user 0, where the run's programs are user 65534's"},
		"no row of a client":   {change: func(s *sample) { s.Hosts["client1"].Sockets = nil }, want: "hhhhn", reason: "client1"},
		"no open file of a client": {
			change: func(s *sample) { s.Hosts["client1"].Files = s.Hosts["client1"].Files[:5] },
			want:   "hhhhn", reason: "socket 7672727, 10.12.1.10:40001 -> 10.12.0.10:12000, is in dump 2 of the table and among no open files",
		},
		"another message in a client's capture": {change: func(s *sample) {
			for i := range s.Hosts["client1"].Packets {
				p := &s.Hosts["client1"].Packets[i]
				p.Payload = bytes.ToUpper(p.Payload)
			}
		}, want: "hnnhn", reason: "client.packets of client1 -> server: contradicts router.packets: packet 4 of client.packets (PSH, ACK, 22 bytes) is not as often in router.packets"},
		"a router that did not forward": {change: func(s *sample) {
			h := s.Hosts["router"]
			h.Packets = slices.DeleteFunc(h.Packets, func(p evidence.Packet) bool { return p.Source == from1 && p.Outgoing })
		}, want: "nnnnn", reason: "router.packets of client1 -> server: contradicts both ends: router has not forwarded it, by its capture"},

		// What programs say.
		"Python everywhere": {change: func(s *sample) {
			for _, h := range s.Hosts {
				for i := range h.Program {
					h.Program[i] = evidence.ProgramEvent{Header: h.Program[i].Header, Event: evidence.EventLine, Text: "x"}
				}
			}
			for i := range s.Lab.Hosts {
				s.Lab.Hosts[i].Ready.When = topology.ReadySocket
			}
		}, want: "hhhhh", reason: "7 witnesses on each of 3 connections"},
		"a client that cannot connect": {change: func(s *sample) {
			forget(s, "client2", 2)
			s.Hosts["client2"].Program = []evidence.ProgramEvent{{
				Header: s.Hosts["client2"].Program[0].Header, Event: evidence.EventFailed, Error: "dial 10.12.0.10:12000: connection refused",
			}}
			exit(s, "client2", 1)
		}, want: "nnnnn", reason: "client2 has no connection to server: it says: dial 10.12.0.10:12000: connection refused, exit 1"},
		"a server that cannot listen": {change: func(s *sample) {
			for n := range 3 {
				forget(s, fmt.Sprintf("client%d", n+1), n+1)
			}
			s.Hosts["server"].Program = []evidence.ProgramEvent{{
				Header: s.Hosts["server"].Program[0].Header, Event: evidence.EventLine, Error: "listen on :80: permission denied",
			}}
			s.Hosts["server"].Sockets, s.Hosts["server"].Files = nil, nil
			exit(s, "server", 2)
		}, want: "nnnnn", reason: "one-port: server: listen on :80: permission denied, exit 2"},
		"a host that died": {change: func(s *sample) {
			h := s.Hosts["client2"]
			end := &h.Events[len(h.Events)-1]
			end.Event, end.Error = evidence.HostLost, "the container was killed, exit 137"
		}, want: "nnnnn", reason: "client2 died: the container was killed, exit 137"},
		"a run that was cut short": {change: func(s *sample) {
			forget(s, "client2", 2)
			for i := range s.Hosts["client2"].Events {
				if e := &s.Hosts["client2"].Events[i]; e.Event == evidence.HostReady {
					e.Event, e.Error = evidence.HostNotReady, "it waited a minute for a socket"
				}
			}
		}, want: "nnnnn", reason: "client2 has no connection to server: the run was cut short: it waited a minute for a socket"},
		"programs that were not started": {change: func(s *sample) {
			unstart(s, "client2: its container was told to stop")
		}, want: "nnnnn", reason: "client1.host.jsonl:3: its program was not started: client2: its container was told to stop"},
		"a program that others waited for": {change: func(s *sample) {
			unstart(s, "the lab's limit of 2s was over")
			for i := range s.Hosts["server"].Events {
				if e := &s.Hosts["server"].Events[i]; e.Event == evidence.HostReady {
					e.Event, e.Error = evidence.HostNotReady, "waited 2s for a socket"
				}
			}
		}, want: "nnnnn", reason: "one-port: server: the run was cut short: waited 2s for a socket"},
	} {
		t.Run(name, func(t *testing.T) {
			name := evidencetest.First
			if c.masquerade {
				name = evidencetest.Masqueraded
			}
			s := evidencetest.Read(t, name)
			if c.change != nil {
				c.change(s)
			}
			v := judged(t, s)
			assert.Equal(t, c.want, outcomes(v), reasons(v))
			assert.Contains(t, reasons(v), c.reason)
		})
	}
}

// at gives a client another port in all that its own witnesses say.
func at(s *evidencetest.Sample, port uint16, client string) {
	h := s.Hosts[client]
	move := func(e *netip.AddrPort) {
		if e.Addr() == evidencetest.ClientEnd(1).Addr() {
			*e = netip.AddrPortFrom(e.Addr(), port)
		}
	}
	for i := range h.Packets {
		move(&h.Packets[i].Source)
		move(&h.Packets[i].Destination)
	}
	for i := range h.Sockets {
		move(&h.Sockets[i].Local)
	}
	for i := range h.Files {
		move(&h.Files[i].Local)
	}
	for i := range h.Program {
		move(&h.Program[i].Local)
	}
}

// forget takes the nth client's connection from everybody.
func forget(s *evidencetest.Sample, client string, n int) {
	end := evidencetest.ClientEnd(n)
	for _, h := range s.Hosts {
		h.Packets = slices.DeleteFunc(h.Packets, func(p evidence.Packet) bool { return p.Source == end || p.Destination == end })
		h.Sockets = slices.DeleteFunc(h.Sockets, func(r evidence.Socket) bool { return r.Local == end || r.Remote == end })
		h.Files = slices.DeleteFunc(h.Files, func(f evidence.File) bool { return f.Local == end || f.Remote == end })
		h.Program = slices.DeleteFunc(h.Program, func(e evidence.ProgramEvent) bool {
			return (e.Local == end || e.Remote == end) && h.Name != client
		})
	}
	for i := range s.Hosts[client].Program {
		e := &s.Hosts[client].Program[i]
		*e = evidence.ProgramEvent{Header: e.Header, Event: evidence.EventLine, Text: "x"}
	}
}

// exit lets a host's program end before the snapshot.
func exit(s *evidencetest.Sample, host string, status int) {
	h := s.Hosts[host]
	var exited evidence.HostEvent
	h.Events = slices.DeleteFunc(h.Events, func(e evidence.HostEvent) bool {
		if e.Event == evidence.HostExited {
			exited = e
		}
		return e.Event == evidence.HostExited
	})
	exited.Time, exited.Status = h.Events[2].Time, &status
	h.Events = slices.Insert(h.Events, 3, exited)
}

// A connection to another server is a row, and counts for no claim but
// witnesses-agree.
func TestOtherServersAreRows(t *testing.T) {
	s := evidencetest.Read(t, evidencetest.First)
	s.Lab.Server, s.Lab.Clients = "client3", []string{"client1"}
	v := judged(t, s)
	assert.Equal(t, "nnnnn", outcomes(v))
	assert.Contains(t, reasons(v), "client1 has no connection to client3: no witness saw one")
	require.Len(t, v.Connections, 3)
	assert.Equal(t, []string{"router"}, v.Connections[0].Path)
}

// A lab that the hosts did not run refutes nothing.
func TestAnotherLabIsNoEvidence(t *testing.T) {
	s := evidencetest.Read(t, evidencetest.First)
	dir := t.TempDir() + "/run"
	s.Write(t, dir)
	evidencetest.Edit(t, dir, evidence.LabFile, func(data []byte) []byte { return bytes.Replace(data, []byte("12000"), []byte("12001"), 1) })
	evidencetest.Reseal(t, dir)
	run, err := evidence.Load(dir)
	require.NoError(t, err)
	v := claim.Judge(run)
	assert.Equal(t, "nnnnn", outcomes(v), reasons(v))
}

func TestVerdictIsTheSameEveryTime(t *testing.T) {
	s := evidencetest.Read(t, evidencetest.Masqueraded)
	s.Hosts["client2"].Sockets[0].State = evidence.SynSent
	s.Hosts["server"].Files[5].State = evidence.CloseWait
	dir := t.TempDir() + "/run"
	s.Write(t, dir)
	var first []byte
	for range 100 {
		run, err := evidence.Load(dir)
		require.NoError(t, err)
		text, err := json.Marshal(claim.Judge(run))
		require.NoError(t, err)
		if first == nil {
			first = text
		}
		require.Equal(t, string(first), string(text))
	}
	assert.Contains(t, string(first), `"witnesses":{"client.packets":true,"client.sockets":`)
}

// unstart makes the clients' programs ones that were not started.
func unstart(s *evidencetest.Sample, why string) {
	for n := range 3 {
		client := fmt.Sprintf("client%d", n+1)
		forget(s, client, n+1)
		h := s.Hosts[client]
		h.Files, h.Program = nil, nil
		h.Events = slices.DeleteFunc(h.Events, func(e evidence.HostEvent) bool {
			return e.Event == evidence.HostStarted || e.Event == evidence.HostExited
		})
		for i := range h.Events {
			if e := &h.Events[i]; e.Event == evidence.HostReady {
				e.Event, e.Error = evidence.HostNotReady, "its program was not started: "+why
			}
		}
	}
}
