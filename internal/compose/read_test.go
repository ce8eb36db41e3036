package compose_test

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		Program:          []string{"/lab", "--flag", "two words", "server"},
		Environment:      []string{"EMPTY=", "NUMBER=8", "PRICE=$5", "YES=yes"},
		WorkingDirectory: "/tmp",
		StopSignal:       "SIGINT",
		StopGrace:        90 * time.Second,
		ExtraHosts:       map[string][]netip.Addr{"old": old, "new": old},
		CaptureAfter:     90 * time.Second,
	}, server)
	router, _ := lab.Host("router")
	assert.True(t, router.Forwards)
	assert.Equal(t, []string{"home"}, router.Masquerade)
	assert.Empty(t, router.DependsOn, "the judge is no host")
	_, ok = lab.Host("judge")
	assert.False(t, ok)
}

func TestParseDefaults(t *testing.T) {
	lab := parse(t, "folder/lab.yml", labs(t)["no x-lab"])
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

func TestParseTakesAVariableForAPort(t *testing.T) {
	text := edited(t, small(t), edit{"port: 12000", "port: '${PORT:-7}'"}, add("environment: [A, B]"))
	environment := map[string]string{"PORT": "9", "B": "b"}
	lab, err := topology.Parse("lab.yml", []byte(text), environment)
	require.NoError(t, err)
	assert.Equal(t, uint16(9), lab.Port)
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
	_, err := topology.Parse("lab.yml", []byte(text), nil)
	require.ErrorContains(t, err, `lab.yml:16: services.server.working_dir: "tmp" must begin with a /`)
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
		_, err := topology.Parse("lab.yml", []byte(edited(t, text, add(line))), nil)
		assert.ErrorContains(t, err, why)
	}
	_, err := topology.Parse("lab.yml", []byte(edited(t, text, top("include: [other.yml]\n"))), nil)
	assert.ErrorContains(t, err, "include: a lab is one file")
	require.NoError(t, os.Remove("labels"))
	_, err = topology.Parse("lab.yml", []byte(edited(t, text, add("label_file: labels"))), nil)
	assert.NoError(t, err, "an ignored file need not be there")
}
