package claim_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/claim"
	"github.com/fourtuple/fourtuple/internal/evidence"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// many is a run of one host whose socket table has so many rows, which are all
// different.
func many(n int) *evidence.Run {
	lab := &topology.Lab{
		Name:  "many",
		Hosts: []topology.Host{{Name: "server", Program: []string{"server"}}},
		Steps: []topology.Step{{Action: topology.Snapshot, Name: "settled", Number: 1}},
	}
	at := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	h := &evidence.Host{
		Name: "server", Snapshots: map[string]int{"settled": 1},
		Events: []evidence.HostEvent{{Header: evidence.Header{Time: at}, Event: evidence.HostSnapshot, Name: "settled", Snapshot: 1}},
	}
	local := netip.MustParseAddrPort("10.12.0.10:12000")
	for i := range n {
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 12, byte(i >> 20), byte(i >> 12)}), uint16(i&4095)+40000)
		h.Sockets = append(h.Sockets, evidence.Socket{
			Header: evidence.Header{Time: at, Line: i + 1}, Snapshot: 1, Protocol: "tcp", State: evidence.Established,
			Local: local, Remote: remote, Inode: uint64(i + 1),
		})
	}
	return &evidence.Run{ID: "00", Lab: lab, Hosts: map[string]*evidence.Host{"server": h}}
}

// A million rows of a host's table, for each quantifier.
func BenchmarkMillionRows(b *testing.B) {
	run := many(1_000_000)
	for _, keys := range []map[string]any{
		{"every": "server.sockets", "where": `state == "ESTABLISHED"`, "is": "local.port == 12000"},
		{"some": "server.sockets", "is": "inode == 1000000"},
		{"none": "server.sockets", "is": `state == "LISTEN" && local.port != 12000`},
		{"count": "server.sockets", "where": `state == "ESTABLISHED" && local.port == 12000`, "n": 1_000_000},
		{"distinct": "server.sockets", "of": []any{"remote.address", "remote.port"}},
		{"same": "server.sockets", "of": []any{"local.address", "local.port"}},
		{"before": []any{
			map[string]any{"in": "server.sockets", "where": `inode == 1000000`},
			map[string]any{"in": "server.sockets", "where": `local.port == 12000`},
		}},
		{"all": []any{map[string]any{"count": "server.sockets", "n": ">= 3"}}},
	} {
		name := ""
		for key := range keys {
			switch key {
			case "where", "is", "of", "n":
			default:
				name = key
			}
		}
		run.Lab.Claims = []topology.Claim{{Name: "claim", Keys: keys}}
		require.Empty(b, claim.Check(run.Lab))
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f := claim.Judge(run).Claims[0]
				want := claim.Holds
				if name == "before" {
					want = claim.NotShown
				}
				require.Equal(b, want, f.Outcome, fmt.Sprint(f))
			}
		})
	}
}

// A million connections, all of whose witnesses have them.
func BenchmarkMillionConnections(b *testing.B) {
	run := many(0)
	client := topology.Host{Name: "client", Program: []string{"client"}}
	run.Lab.Hosts = append([]topology.Host{client}, run.Lab.Hosts...)
	server := *run.Hosts["server"]
	server.Name = "client"
	run.Hosts["client"] = &server
	at := run.Hosts["server"].Events[0].Time
	lacks := make(map[string]string)
	for _, name := range evidence.ColumnNames {
		if name != "router.packets" {
			lacks[name] = ""
		}
	}
	local := netip.MustParseAddrPort("10.12.0.10:12000")
	for i := range 1_000_000 {
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 12, byte(i >> 20), byte(i >> 12)}), uint16(i&4095)+40000)
		packets := []evidence.Packet{{Time: at, Number: i + 1, Source: remote, Destination: local, Flags: evidence.SYN}}
		run.Connections = append(run.Connections, evidence.Connection{
			FourTuple: evidence.FourTuple{Source: remote, Destination: local}, Opening: 1, Outcome: evidence.Opened, Lacks: lacks,
			Client: evidence.Side{Host: "client", Local: remote, Remote: local, Packets: packets},
			Server: evidence.Side{Host: "server", Local: local, Remote: remote, Packets: packets},
		})
	}
	run.Lab.Claims = []topology.Claim{{Name: "claim", Keys: map[string]any{"every": "connections", "where": `server.host == "server"`, "is": "server.port == 12000", "n": 1_000_000}}}
	require.Empty(b, claim.Check(run.Lab))
	for b.Loop() {
		f := claim.Judge(run).Claims[0]
		require.Equal(b, claim.Holds, f.Outcome, f.Reason)
	}
}
