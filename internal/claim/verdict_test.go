package claim

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

func outcomes(v Verdict) map[string]Outcome {
	found := make(map[string]Outcome)
	for _, f := range v.Claims {
		found[f.Claim] = f.Outcome
	}
	return found
}

func reasonOf(t *testing.T, v Verdict, claim string) string {
	t.Helper()
	for _, f := range v.Claims {
		if f.Claim == claim {
			return f.Reason
		}
	}
	require.Fail(t, "no such claim", claim)
	return ""
}

func TestWholeEvidenceHolds(t *testing.T) {
	s := newSample(samplePort, asItIs)
	v := Judge(s.lab, s.run)
	require.Equal(t, Holds, v.Outcome, "%+v", v.Claims)
	require.Len(t, v.Connections, 3)
	for i, c := range v.Connections {
		assert.Equal(t, s.lab.Clients[i], c.Client)
		assert.Equal(t, "server", c.Server)
		assert.Nil(t, c.Translated)
		for name, saw := range c.Witnesses {
			assert.True(t, saw, name)
		}
	}
	assert.Equal(t, "every accepted socket's local port is 12000, and so is the listening socket's", v.Claims[0].Text)
	assert.Equal(t, "3 connections come from 3 different source addresses on 3 different subnets, each with its own port", v.Claims[1].Text)
}

func TestAnotherPortIsRefuted(t *testing.T) {
	s := newSample(12001, asItIs)
	v := Judge(s.lab, s.run)
	assert.Equal(t, Refuted, v.Outcome)
	assert.Equal(t, map[string]Outcome{
		"one-port": Refuted, "message-ports": Refuted,
		"distinct-sources": Holds, "one-socket-each": Holds, "witnesses-agree": Holds,
	}, outcomes(v))
	assert.Contains(t, reasonOf(t, v, "one-port"), "12001")
	assert.Contains(t, reasonOf(t, v, "message-ports"), "12001")
}

func TestMasqueradeIsRefuted(t *testing.T) {
	for name, forget := range map[string]func(*sample){
		"with the router's table":    func(*sample) {},
		"without the router's table": func(s *sample) { s.host("router").Translations = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSample(samplePort, masqueraded)
			forget(s)
			v := Judge(s.lab, s.run)
			assert.Equal(t, Refuted, v.Outcome)
			assert.Equal(t, map[string]Outcome{
				"one-port": Holds, "distinct-sources": Refuted, "message-ports": Holds,
				"one-socket-each": Holds, "witnesses-agree": Holds,
			}, outcomes(v))
			assert.Equal(t, "the server saw 1 source address, 10.12.0.254, for 3 connections", reasonOf(t, v, "distinct-sources"))
			require.Len(t, v.Connections, 3)
			require.NotNil(t, v.Connections[0].Translated)
			assert.Equal(t, netip.MustParseAddrPort("10.12.1.10:40000"), v.Connections[0].Source)
			assert.Equal(t, netip.MustParseAddrPort("10.12.0.254:40000"), v.Connections[0].Translated.Source)
		})
	}
}

// Each of these takes something away or changes it, in one witness. What held
// must not hold any more wherever that witness is needed, must not become
// refuted either, and the reason must name the witness.
func TestOneWitnessLessIsNotShown(t *testing.T) {
	client1 := func(s *sample) *evidence.Host { return s.host("client1") }
	server := func(s *sample) *evidence.Host { return s.host("server") }
	from1 := netip.MustParseAddrPort("10.12.1.10:40000")
	tests := map[string]struct {
		change  func(*sample)
		witness string
		claims  []string
	}{
		"a client's capture without the handshake": {
			func(s *sample) { client1(s).Packets = client1(s).Packets[3:] },
			"client.packets",
			[]string{"message-ports", "witnesses-agree"},
		},
		"a client's capture without the message": {
			func(s *sample) { client1(s).Packets = slices.Delete(client1(s).Packets, 4, 5) },
			"client.packets",
			[]string{"message-ports", "witnesses-agree"},
		},
		"a client's capture with another message": {
			func(s *sample) {
				client1(s).Packets[4].Payload = []byte(strings.Repeat("x", client1(s).Packets[4].Length))
			},
			"client.packets",
			[]string{"one-port", "distinct-sources", "message-ports", "one-socket-each", "witnesses-agree"},
		},
		"a truncated packet": {
			func(s *sample) { client1(s).Packets[4].Payload = client1(s).Packets[4].Payload[:3] },
			"client.packets",
			[]string{"message-ports", "witnesses-agree"},
		},
		"no row in a client's socket table": {
			func(s *sample) { client1(s).Sockets = nil },
			"client.sockets",
			[]string{"witnesses-agree"},
		},
		"a client that says nothing": {
			func(s *sample) { client1(s).Accounts = nil },
			"client.program",
			[]string{"message-ports", "witnesses-agree"},
		},
		"a client that says it sent something else": {
			func(s *sample) { client1(s).Accounts[1].Text = "something else" },
			"client.program",
			[]string{"message-ports", "witnesses-agree"},
		},
		"no row in the server's socket table": {
			func(s *sample) {
				server(s).Sockets = slices.DeleteFunc(server(s).Sockets, func(r evidence.Socket) bool { return r.Remote == from1 })
			},
			"server.sockets",
			[]string{"one-port", "distinct-sources", "one-socket-each", "witnesses-agree"},
		},
		"another port in the server's socket table": {
			func(s *sample) {
				for i, r := range server(s).Sockets {
					if r.Remote == from1 {
						server(s).Sockets[i].Local = netip.MustParseAddrPort("10.12.0.10:54321")
					}
				}
			},
			"server.sockets",
			[]string{"one-port", "distinct-sources", "message-ports", "one-socket-each", "witnesses-agree"},
		},
		"another inode in the server's socket table": {
			func(s *sample) {
				for i, r := range server(s).Sockets {
					if r.Remote == from1 {
						server(s).Sockets[i].Inode = 999
					}
				}
			},
			"server.files",
			[]string{"one-port", "one-socket-each", "witnesses-agree"},
		},
		"a socket that no process holds": {
			func(s *sample) {
				for i := range server(s).Sockets {
					server(s).Sockets[i].Inode = 0
				}
			},
			"server.sockets",
			[]string{"one-port", "distinct-sources", "one-socket-each", "witnesses-agree"},
		},
		"no open file": {
			func(s *sample) {
				server(s).Files = slices.DeleteFunc(server(s).Files, func(f evidence.File) bool { return f.Remote == from1 })
			},
			"server.files",
			[]string{"one-port", "one-socket-each", "witnesses-agree"},
		},
		"a server that does not say it accepted": {
			func(s *sample) {
				server(s).Accounts = slices.DeleteFunc(server(s).Accounts, func(a evidence.Account) bool { return a.Event == evidence.SaidAccepted && a.Remote == from1 })
			},
			"server.program",
			[]string{"one-port", "distinct-sources", "message-ports", "witnesses-agree"},
		},
		"the server's capture without the connection": {
			func(s *sample) {
				server(s).Packets = slices.DeleteFunc(server(s).Packets, func(p evidence.Packet) bool { return p.Source == from1 || p.Destination == from1 })
			},
			"server.packets",
			[]string{"one-port", "distinct-sources", "message-ports", "one-socket-each", "witnesses-agree"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSample(samplePort, asItIs)
			test.change(s)
			v := Judge(s.lab, s.run)
			assert.Equal(t, NotShown, v.Outcome)
			for claim, outcome := range outcomes(v) {
				if !slices.Contains(test.claims, claim) {
					assert.Equal(t, Holds, outcome, claim)
					continue
				}
				assert.Equal(t, NotShown, outcome, claim)
				assert.Contains(t, reasonOf(t, v, claim), test.witness, claim)
			}
		})
	}
}

func TestMissingConnectionIsNotShown(t *testing.T) {
	s := newSample(samplePort, asItIs)
	forget := netip.MustParseAddrPort("10.12.3.10:40002")
	for _, name := range []string{"client3", "server"} {
		h := s.host(name)
		h.Packets = slices.DeleteFunc(h.Packets, func(p evidence.Packet) bool { return p.Source == forget || p.Destination == forget })
		h.Sockets = slices.DeleteFunc(h.Sockets, func(r evidence.Socket) bool { return r.Local == forget || r.Remote == forget })
		h.Files = slices.DeleteFunc(h.Files, func(r evidence.File) bool { return r.Local == forget || r.Remote == forget })
		h.Accounts = slices.DeleteFunc(h.Accounts, func(a evidence.Account) bool { return a.Local == forget || a.Remote == forget })
	}
	v := Judge(s.lab, s.run)
	for _, f := range v.Claims {
		assert.Equal(t, NotShown, f.Outcome, f.Claim)
		assert.Equal(t, "client3 has no connection to server: no witness saw one", f.Reason)
	}
	assert.Len(t, v.Connections, 2)
}

func TestAttemptIsNoConnection(t *testing.T) {
	s := newSample(samplePort, asItIs)
	h := s.host("client3")
	h.Packets, h.Sockets, h.Accounts = h.Packets[:1], nil, nil
	server := s.host("server")
	gone := netip.MustParseAddrPort("10.12.3.10:40002")
	server.Packets = slices.DeleteFunc(server.Packets, func(p evidence.Packet) bool { return p.Source == gone || p.Destination == gone })
	server.Sockets = slices.DeleteFunc(server.Sockets, func(r evidence.Socket) bool { return r.Remote == gone })
	server.Files = slices.DeleteFunc(server.Files, func(r evidence.File) bool { return r.Remote == gone })
	server.Accounts = slices.DeleteFunc(server.Accounts, func(a evidence.Account) bool { return a.Remote == gone })
	v := Judge(s.lab, s.run)
	assert.Equal(t, NotShown, v.Outcome)
	assert.Equal(t, "client3 has no connection to server: its attempt to reach 10.12.0.10:12000 was not answered", v.Claims[0].Reason)
}

func TestNoEvidenceShowsNothing(t *testing.T) {
	v := Judge(sampleLab(), &evidence.Run{})
	assert.Equal(t, NotShown, v.Outcome)
	for _, f := range v.Claims {
		assert.Equal(t, NotShown, f.Outcome, f.Claim)
	}
	nothing := sampleLab()
	nothing.Clients = nil
	for _, f := range Judge(nothing, &evidence.Run{}).Claims {
		assert.Equal(t, NotShown, f.Outcome, f.Claim)
	}
}

func TestNoClaimsShowNothing(t *testing.T) {
	s := newSample(samplePort, asItIs)
	s.lab.Claims = nil
	assert.Equal(t, NotShown, Judge(s.lab, s.run).Outcome)
}

func TestEvidenceOfAStrangerShowsNothing(t *testing.T) {
	s := newSample(samplePort, asItIs)
	s.run.Hosts["stranger"] = &evidence.Host{Name: "stranger"}
	for _, f := range Judge(s.lab, s.run).Claims {
		assert.Equal(t, NotShown, f.Outcome, f.Claim)
		assert.Contains(t, f.Reason, "stranger")
	}
}

func TestSharedFileIsRefuted(t *testing.T) {
	s := newSample(samplePort, asItIs)
	second := s.host("server").Files[1]
	second.PID, second.FD = 8, "11u"
	s.host("server").Files = append(s.host("server").Files, second)
	v := Judge(s.lab, s.run)
	assert.Equal(t, Refuted, outcomes(v)["one-socket-each"])
	assert.Contains(t, reasonOf(t, v, "one-socket-each"), "8/11u")
}

func TestSecondConnectionOfAClient(t *testing.T) {
	s := newSample(samplePort, asItIs)
	source := netip.MustParseAddrPort("10.12.1.10:41000")
	s.connect("client1", source, source, netip.MustParseAddrPort("10.12.0.10:12000"), 300)
	v := Judge(s.lab, s.run)
	assert.Equal(t, Refuted, outcomes(v)["distinct-sources"])
	assert.Equal(t, NotShown, outcomes(v)["witnesses-agree"])
}

// A connection that the kernel opened and the server never accepted is no
// counterexample, and the client's evidence is still at odds with the lab.
func TestConnectionThatWaitsToBeAccepted(t *testing.T) {
	s := newSample(samplePort, asItIs)
	source := netip.MustParseAddrPort("10.12.1.10:41000")
	s.connect("client1", source, source, netip.MustParseAddrPort("10.12.0.10:12000"), 300)
	server := s.host("server")
	for i := range server.Sockets {
		if server.Sockets[i].Remote == source {
			server.Sockets[i].Inode = 0
		}
	}
	server.Files = slices.DeleteFunc(server.Files, func(f evidence.File) bool { return f.Remote == source })
	server.Accounts = slices.DeleteFunc(server.Accounts, func(a evidence.Account) bool { return a.Remote == source })
	v := Judge(s.lab, s.run)
	for claim, outcome := range outcomes(v) {
		assert.Equal(t, NotShown, outcome, claim)
		assert.Equal(t, "client1 has 2 connections, where one is expected", reasonOf(t, v, claim))
	}
}

func TestCheckNamesUnknownClaims(t *testing.T) {
	lab := sampleLab()
	require.NoError(t, Check(lab))
	lab.Claims = append(lab.Claims, "moon")
	err := Check(lab)
	require.Error(t, err)
	assert.Equal(t, `x-lab.claims: no claim is called "moon"; there are distinct-sources, message-ports, one-port, one-socket-each, witnesses-agree`, err.Error())
}
