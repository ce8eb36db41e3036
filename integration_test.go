//go:build integration

// The proof in real containers, and nothing else:
//
//	go test -tags integration .
//
// TestThreeSourcesOnePort makes the first lab by itself, by testcontainers-go
// and Docker's API, and reads its evidence by itself, by encoding/json and
// gopacket: what it asserts does not rest on the engine, the join or the verdict
// under test, only on what the witnesses wrote down. TestCompose runs the
// Compose file by every Compose command that is installed, and beside it a
// control, the same lab changed in one place, that must come out the other way.
//
// The tests need a Docker engine. The images are made as by `lab images`; Compose
// builds the Dockerfiles where the image that they build from can be had.
package fourtuple_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// missing skips a test that this machine has not what it needs for. Where CI
// promises everything, that fails.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		require.FailNow(t, what)
	}
	t.Skip(what)
}

// The post's experiment, as docker-compose.yml has it:
//
//	home    P.0.0/24   server .10 ──┐
//	cafe    P.1.0/24   client1 .10 ─┤
//	office  P.2.0/24   client2 .10 ─┼─ router, .254 on each
//	campus  P.3.0/24   client3 .10 ─┘
func TestThreeSourcesOnePort(t *testing.T) {
	l := start(t)
	for part, c := range l.containers {
		assert.Zero(t, ended(t, l.cli, c.GetContainerID()), "the exit status of %s", part)
	}
	r := l.run
	r.assertThreeSourcesOnePort(t)
	assert.Equal(t, []uint16{12000}, r.listeningPorts(t), "no socket listens but the one on port 12000")
	for i, place := range []string{"the cafe", "the office", "campus"} {
		r.assertMessages(t, fmt.Sprintf("client%d", i+1), "Hello from "+place)
	}
	log := l.log(t, judge)
	assert.Contains(t, log, "as expected: 5 claims")
	t.Log(log)
}

// What a test counts as three sources and one port can be missed.
func TestThreeSourcesOnePortCanFail(t *testing.T) {
	server := netip.MustParseAddrPort("10.14.0.10:12000")
	from := func(source string) call { return call{netip.MustParseAddrPort(source), server} }
	good := []call{from("10.14.1.10:40000"), from("10.14.2.10:40000"), from("10.14.3.10:40001")}
	require.NoError(t, threeSourcesOnePort("10.14", good))
	for name, wrong := range map[string]call{
		"one source twice":    from("10.14.2.10:40002"),
		"the server's subnet": from("10.14.0.254:40001"),
		"another port":        {good[2].From, netip.MustParseAddrPort("10.14.0.10:12001")},
		"another server":      {good[2].From, netip.MustParseAddrPort("10.14.0.11:12000")},
	} {
		require.Error(t, threeSourcesOnePort("10.14", append(good[:2:2], wrong)), name)
	}
	require.Error(t, threeSourcesOnePort("10.14", good[:2]))
	require.Error(t, threeSourcesOnePort("10.14", append(good, good[0])))
}

// A call is a connection as one witness saw it: who called whom.
type call struct {
	From netip.AddrPort `json:"source"`
	To   netip.AddrPort `json:"destination"`
}

// threeSourcesOnePort says why these are not three connections from .10 on
// three subnets, each to port 12000 of the server.
func threeSourcesOnePort(prefix string, seen []call) error {
	if len(seen) != 3 {
		return fmt.Errorf("%d connections, not 3: %v", len(seen), seen)
	}
	for subnet := 1; subnet <= 3; subnet++ {
		from := netip.MustParseAddr(fmt.Sprintf("%s.%d.10", prefix, subnet))
		if !slices.ContainsFunc(seen, func(c call) bool { return c.From.Addr() == from && c.From.Port() != 0 }) {
			return fmt.Errorf("no connection from %s: %v", from, seen)
		}
	}
	for _, c := range seen {
		if c.To != netip.MustParseAddrPort(prefix+".0.10:12000") {
			return fmt.Errorf("a connection to %s", c.To)
		}
	}
	return nil
}

// A run is a run folder of the first lab, under a prefix: the first two bytes
// of its addresses.
type run struct{ folder, prefix string }

// assertThreeSourcesOnePort asserts that every witness saw three sources and one
// port, and that the judge says so.
func (r run) assertThreeSourcesOnePort(t *testing.T) {
	t.Helper()
	sockets, files := r.held(t, "server.sockets.jsonl"), r.held(t, "server.files.jsonl")
	for witness, seen := range map[string][]call{
		"the server's socket table": calls(sockets),
		"the server's open files":   calls(files),
		"the server's capture":      r.opened(t, "server"),
		"the router's capture":      r.opened(t, "router"),
		"the clients' captures":     r.opened(t, "client1", "client2", "client3"),
	} {
		assert.NoError(t, threeSourcesOnePort(r.prefix, seen), witness)
		assert.ElementsMatch(t, calls(sockets), seen, "%s against the socket table", witness)
	}
	assert.ElementsMatch(t, sockets, files, "the open files are the sockets of the table, inode by inode")
	inodes := make(map[uint64]bool)
	for _, s := range sockets {
		inodes[s.Inode] = true
	}
	assert.Len(t, inodes, 3, "each connection has a socket of its own")
	v := r.verdict(t)
	assert.Equal(t, "as expected", v.Outcome)
	assert.Len(t, v.Claims, 5)
	for _, claim := range v.Claims {
		assert.Equal(t, "holds", claim.Verdict, "%s: %s", claim.Claim, claim.Reason)
	}
	assert.ElementsMatch(t, calls(sockets), v.Connections, "the verdict's connections")
	for _, host := range hosts {
		events := readLines[struct{ Event string }](t, r, host.name+".host.jsonl")
		assert.Equal(t, "closed", events[len(events)-1].Event, "the last word of %s", host.name)
	}
}

// readLines reads a file of the run, one JSON object a line.
func readLines[R any](t *testing.T, r run, name string) (rows []R) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.folder, name))
	require.NoError(t, err)
	for line := range bytes.Lines(data) {
		var row R
		require.NoError(t, json.Unmarshal(line, &row), "%s: %s", name, line)
		rows = append(rows, row)
	}
	require.NotEmpty(t, rows, name)
	return rows
}

// A socketRow is a row of a socket table or of open files.
type socketRow struct {
	Protocol, State string
	Local, Remote   netip.AddrPort
	UID             int
	Inode           uint64
}

// A heldCall is a call with the socket that a process holds it by.
type heldCall struct {
	call
	Inode uint64
}

// held are the connections in a file of socket rows, from their other ends.
func (r run) held(t *testing.T, name string) (seen []heldCall) {
	t.Helper()
	for _, row := range readLines[socketRow](t, r, name) {
		if row.State == "ESTABLISHED" && row.Inode != 0 && strings.HasPrefix(row.Protocol, "tcp") {
			seen = append(seen, heldCall{call{row.Remote, row.Local}, row.Inode})
		}
	}
	return distinct(seen)
}

// ordinaryUser is whom the programs run as.
const ordinaryUser = 65534

// listeningPorts are the ports that the server's program listens on. Docker
// has a listening socket of its own in some containers, for names.
func (r run) listeningPorts(t *testing.T) (ports []uint16) {
	t.Helper()
	for _, row := range readLines[socketRow](t, r, "server.sockets.jsonl") {
		if row.State == "LISTEN" && row.UID == ordinaryUser {
			ports = append(ports, row.Local.Port())
		}
	}
	return distinct(ports)
}

// A segment is a TCP segment in a capture.
type segment struct {
	call
	layers.TCP
}

// segments reads a host's capture.
func (r run) segments(t *testing.T, host string) (segments []segment) {
	t.Helper()
	file, err := os.Open(filepath.Join(r.folder, host+".pcapng"))
	require.NoError(t, err)
	defer file.Close()
	reader, err := pcapgo.NewNgReader(file, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	require.NoError(t, err)
	for {
		data, info, err := reader.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return segments
		}
		require.NoError(t, err)
		on, err := reader.Interface(info.InterfaceIndex)
		require.NoError(t, err)
		packet := gopacket.NewPacket(data, on.LinkType, gopacket.Default)
		ip, isIP := packet.NetworkLayer().(*layers.IPv4)
		tcp, isTCP := packet.TransportLayer().(*layers.TCP)
		if isIP && isTCP {
			from, _ := netip.AddrFromSlice(ip.SrcIP)
			to, _ := netip.AddrFromSlice(ip.DstIP)
			segments = append(segments, segment{call{
				netip.AddrPortFrom(from, uint16(tcp.SrcPort)), netip.AddrPortFrom(to, uint16(tcp.DstPort)),
			}, *tcp})
		}
	}
}

// opened are the connections that these hosts' captures show from their first
// SYN on: what was called, and answered.
func (r run) opened(t *testing.T, hosts ...string) (seen []call) {
	t.Helper()
	for _, host := range hosts {
		segments := r.segments(t, host)
		for _, s := range segments {
			answered := slices.ContainsFunc(segments, func(a segment) bool {
				return a.SYN && a.ACK && a.call == call{s.To, s.From}
			})
			if s.SYN && !s.ACK && answered {
				seen = append(seen, s.call)
			}
		}
	}
	return distinct(seen)
}

// assertMessages asserts that the client's capture has its message on the way
// to port 12000, its echo on the way back, and no data on any other port.
func (r run) assertMessages(t *testing.T, client, message string) {
	t.Helper()
	var there, back strings.Builder
	for _, s := range r.segments(t, client) {
		switch {
		case len(s.Payload) == 0:
		case s.To.Port() == 12000:
			there.Write(s.Payload)
		case s.From.Port() == 12000:
			back.Write(s.Payload)
		default:
			assert.Fail(t, "data on another port", "%s: %s -> %s", client, s.From, s.To)
		}
	}
	assert.Equal(t, message, there.String(), "what %s sent", client)
	assert.Equal(t, "Welcome to the Server\nServer Says: "+message, back.String(), "what %s received", client)
}

type verdict struct {
	Outcome     string
	Claims      []struct{ Claim, Verdict, Reason string }
	Connections []call
}

func (r run) verdict(t *testing.T) (v verdict) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.folder, "verdict.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

func calls(held []heldCall) (all []call) {
	for _, h := range held {
		all = append(all, h.call)
	}
	return all
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
