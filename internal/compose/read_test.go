package compose_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func TestParseReadsAllThatIsHonoured(t *testing.T) {
	lab := parse(t, "lab.yml", busy(t))
	server, ok := lab.Host("server")
	require.True(t, ok)
	old := []netip.Addr{netip.MustParseAddr("10.12.0.10")}
	assert.Equal(t, &topology.Host{
		Name: "server", Hostname: "echo", Image: "fourtuple/server",
		Links:            []topology.Link{{Subnet: "home", Address: netip.MustParsePrefix("10.12.0.10/24")}},
		Routes:           []topology.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0"), Gateway: netip.MustParseAddr("10.12.0.254")}},
		Program:          []string{"/echo", "--flag", "two words", "server"},
		Ready:            topology.Ready{When: topology.ReadyAfter, After: 2 * time.Second},
		Environment:      []string{"EMPTY=", "NUMBER=8", "PRICE=$5", "YES=yes"},
		WorkingDirectory: "/tmp",
		StopSignal:       "SIGINT",
		StopGrace:        90 * time.Second,
		ExtraHosts: map[string][]netip.Addr{
			"old": old, "new": old, "client1": {netip.MustParseAddr("10.12.1.10")}, "router": {netip.MustParseAddr("10.12.0.254")},
		},
		CaptureAfter: 90 * time.Second,
	}, server)
	router, _ := lab.Host("router")
	assert.True(t, router.Forwards)
	assert.Equal(t, []string{"home"}, router.Masquerade)
	assert.Empty(t, router.DependsOn, "the judge is no host")
	_, ok = lab.Host("judge")
	assert.False(t, ok)
}

func TestParseDefaults(t *testing.T) {
	lab := parse(t, "folder/lab.yml", labs(t)["least"])
	assert.Equal(t, "folder", lab.Name)
	assert.Equal(t, 60*time.Second, lab.Limit)
	assert.Empty(t, lab.Claims)
	assert.Empty(t, lab.Clients)
	server, _ := lab.Host("server")
	assert.Equal(t, "SIGTERM", server.StopSignal)
	assert.Equal(t, 10*time.Second, server.StopGrace)
	assert.Equal(t, "server", server.Hostname)
	home, _ := lab.Subnet("home")
	assert.Equal(t, "10.12.0.1", home.Gateway.String())
}

func TestParseTakesAVariableInAClaim(t *testing.T) {
	text := edited(t, small(t), edit{"server:12000", "server:${PORT:-7}"}, add("environment: [A, B]"))
	environment := map[string]string{"PORT": "9", "B": "b"}
	lab, err := compose.Parse("folder", file("lab.yml", []byte(text)), environment)
	require.NoError(t, err)
	assert.Equal(t, []topology.Claim{{Name: "one-port", Keys: map[string]any{"of": "server:9"}}}, lab.Claims)
	server, _ := lab.Host("server")
	assert.Equal(t, []string{"B=b"}, server.Environment, "what has no value anywhere is not set")
	assert.Equal(t, map[string]string{"PORT": "9", "B": "b"}, environment, "the caller's map is as it was")
}

func TestParseReadsAnAddressOfAnInterface(t *testing.T) {
	lab := parse(t, "lab.yml", edited(t, small(t), edit{serverHome, "home: {ipv4_address: 10.12.0.10, mac_address: 02-42-0A-0C-00-0A}"},
		edit{homeSubnet, homeSubnet + "\n          gateway: 10.12.0.200"}))
	server, _ := lab.Host("server")
	assert.Equal(t, "02:42:0a:0c:00:0a", server.Links[0].MAC)
	home, _ := lab.Subnet("home")
	assert.Equal(t, "10.12.0.200", home.Gateway.String())
	lab = parse(t, "lab.yml", edited(t, small(t), edit{serverHome, "home: {ipv4_address: 10.12.0.1}"},
		edit{homeSubnet, homeSubnet + "\n          gateway: 10.12.0.200"}))
	assert.Contains(t, lab.Owners(), netip.MustParseAddr("10.12.0.1"), "the first address is free where the gateway is another")
}

// The first of two merged mappings counts, for the loader and for the lines.
func TestParseFollowsMerges(t *testing.T) {
	text := edited(t, small(t), edit{"x-host: &host\n  image: fourtuple/server\n", `x-other: &other
  image: other
  hostname: other
  working_dir: other
x-host: &host
  image: fourtuple/server
  working_dir: tmp
`}, edit{"    <<: *host\n    command: [server]", "    <<: [*host, *other]\n    command: [server]"})
	_, err := compose.Parse("folder", file("lab.yml", []byte(text)), nil)
	require.ErrorContains(t, err, `lab.yml:16:16: services.server.working_dir: "tmp" must begin with a /`)
	text = edited(t, text, edit{"  working_dir: other\n", ""}, edit{"  working_dir: tmp\n", ""})
	server, _ := parse(t, "lab.yml", text).Host("server")
	assert.Equal(t, "fourtuple/server", server.Image)
	assert.Equal(t, "other", server.Hostname)
}

// What would be read from the disk is there; the control is that it is
// refused all the same, and for what it is.
func TestParseReadsNothingFromTheDisk(t *testing.T) {
	folder, text := t.TempDir(), small(t)
	write(t, folder, "other.yml", text)
	write(t, folder, "other.env", "A=b\n")
	write(t, folder, "labels", "a=b\n")
	t.Chdir(folder)
	for line, why := range map[string]string{
		"extends: {file: other.yml, service: server}": "services.server.extends: ",
		"env_file: other.env":                         "services.server.env_file: ",
	} {
		_, err := compose.Parse("folder", file("lab.yml", []byte(edited(t, text, add(line)))), nil)
		assert.ErrorContains(t, err, why)
	}
	_, err := compose.Parse("folder", file("lab.yml", []byte(edited(t, text, top("include: [other.yml]\n")))), nil)
	assert.ErrorContains(t, err, "include: a lab is one file")
	require.NoError(t, os.Remove("labels"))
	_, err = compose.Parse("folder", file("lab.yml", []byte(edited(t, text, add("label_file: labels")))), nil)
	assert.NoError(t, err, "an ignored file need not be there")
}

func busy(t testing.TB) string {
	return edited(t, small(t),
		add("hostname: echo"),
		edit{"    hostname: echo\n", `    hostname: echo
    environment: {PRICE: "$$5", NUMBER: 010, YES: yes, NONE: , EMPTY: ""}
    extra_hosts: ["old:10.12.0.10", "new=10.12.0.10"]
    stop_signal: int
    stop_grace_period: 1m30s
    working_dir: /tmp
    entrypoint: /echo --flag "two words"
    labels: {com.example: "$$"}
    volumes: ["control:/control", {type: tmpfs, target: /tmp}]
    x-lab: {capture-after: 90s, ready: 2s}
    x-note: dropped
`},
		edit{"    sysctls:\n", "    depends_on: [judge]\n    volumes: [{type: volume, source: control, target: /control/more/..}]\n    x-lab: {masquerade: [home]}\n    sysctls:\n"},
		edit{"depends_on: [server]", "depends_on: {server: {condition: service_started, required: false}}"},
		edit{"\nnetworks:\n", `
  judge:
    image: fourtuple/server
    network_mode: none
    entrypoint: [/lab, judge]
    depends_on: {client1: {condition: service_completed_successfully}}
    healthcheck: {test: [CMD, "true"]}
    volumes: ["./runs:/anywhere", "control:/control"]

volumes: {control: {}}
networks:
`})
}

// labs are texts of labs.
func labs(t testing.TB) map[string]string {
	experiment := small(t)[strings.Index(small(t), "x-lab:"):strings.Index(small(t), "x-host:")]
	return map[string]string{
		"first": string(read(t, firstLab)),
		"small": small(t),
		"busy":  busy(t),
		"dual":  dualStack(t),
		"steps": edited(t, small(t), steps("start: [server, client1]", "type: {server: 'a $$b'}", "wait: {server.sockets: 'true'}\n      within: 2s", "snapshot: a", "cut: {router: [home, cafe]}")),
		"least": edited(t, small(t), edit{experiment, "x-lab: {}\n"}),
	}
}

// A program is what is left of entrypoint and command without the agent, and
// its own words say when it is ready.
func TestParseReadsPrograms(t *testing.T) {
	event, socket := topology.Ready{When: topology.ReadyEvent}, topology.Ready{When: topology.ReadySocket}
	for _, test := range []struct {
		lines   string
		program []string
		ready   topology.Ready
	}{
		{"command: [server, --json]", []string{"server", "--json"}, event},
		{"command: [/bin/client, --json, 'a:1']", []string{"/bin/client", "--json", "a:1"}, event},
		{"command: [server]", []string{"server"}, socket},
		{"command: [python3, server, --json]", []string{"python3", "server", "--json"}, socket},
		{"entrypoint: [/lab, host, server]\n    command: [server, --json]", []string{"server", "--json"}, event},
		{"entrypoint: [/lab, host, server, --]\n    command: [-x]", []string{"-x"}, socket},
		{"entrypoint: [/lab, host, server]", nil, topology.Ready{}},
		{"entrypoint: [/lab, server, --json]", []string{"/lab", "server", "--json"}, socket},
		{"command: [a]\n    x-lab: {ready: exit}", []string{"a"}, topology.Ready{When: topology.ReadyExit}},
		{"command: [a]\n    x-lab: {ready: 1m}", []string{"a"}, topology.Ready{When: topology.ReadyAfter, After: time.Minute}},
	} {
		lab := parse(t, "lab.yml", edited(t, small(t), edit{"command: [server]", test.lines}))
		server, _ := lab.Host("server")
		assert.Equal(t, test.program, server.Program, test.lines)
		assert.Equal(t, test.ready, server.Ready, test.lines)
	}
}

// A large file, or a hostile one, takes time in proportion to its size.
func TestParseIsLinear(t *testing.T) {
	keys := func(n int) edit {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "  x-%d: 1\n", i)
		}
		return lab("  limit: 1m\n" + text.String())
	}
	began := time.Now()
	_, err := compose.Parse("folder", file("lab.yml", []byte(edited(t, small(t), keys(300_000)))), nil)
	require.EqualError(t, err, "lab.yml:3:3: x-lab: it has 300005 keys, and the most that are read is 5000; remove what is not needed")
	_, err = compose.Parse("folder", file("lab.yml", []byte(edited(t, small(t), keys(4000)))), nil)
	problems := strings.Split(err.Error(), "\n")
	assert.Len(t, problems, 101)
	assert.Equal(t, "lab.yml:6:3: x-lab.x-0: there is no such key here; there are claims, clients, explanation, limit, name, question, steps", problems[0])
	assert.Equal(t, "lab.yml: there are 3900 problems more", problems[100])
	assert.Less(t, time.Since(began), 10*time.Second, "it took minutes")
}

// What a file calls things is no command to a terminal.
func TestProblemsAreOneLineEach(t *testing.T) {
	_, err := compose.Parse("folder", file("lab\x1b.yml", []byte(edited(t, small(t), lab("  \"a\\e[2J\\nverdict: holds\": 1\n")))), nil)
	require.Error(t, err)
	assert.Equal(t, `lab\x1b.yml:5:3: x-lab.a\x1b[2J\nverdict: holds: there is no such key here; there are claims, clients, explanation, limit, name, question, steps`,
		strings.Split(err.Error(), "\n")[0])
	assert.NotContains(t, err.Error(), "\x1b")
}
