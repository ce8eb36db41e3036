package compose_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func overridden(base string, overrides ...string) []compose.File {
	files := file("lab.yml", []byte(base))
	for i, text := range overrides {
		files = append(files, compose.File{Path: []string{"control.yml", "second.yml"}[i], Text: []byte(text)})
	}
	return files
}

func TestOverrideIsPutOverTheLab(t *testing.T) {
	base := edited(t, small(t), steps("start: server", "snapshot: one"), claim("one-port: {of: 'server:12000', says: {en: a, ko: b}, list: [a, b]}\n    last: {of: c}"))
	control := `x-lab:
  name: control
  clients: [server]
  claims:
    one-port: {expect: refuted, says: {ko: c}, list: [c]}
    new: {of: d}
  steps:
    - stop: server
services:
  server:
    command: [other]
    x-lab: {programs: {a: [b]}, ready: 1s}
  second: {image: a, networks: {home: {ipv4_address: 10.12.0.11}}}
`
	lab, err := compose.Parse("folder", overridden(base, control, "services: {server: {x-lab: {programs: {a: [c, d]}}}}"), nil)
	require.NoError(t, err)
	assert.Equal(t, "control", lab.Name)
	assert.Equal(t, topology.Text{EN: "Is the port the same?"}, lab.Question)
	assert.Equal(t, []string{"server"}, lab.Clients)
	assert.Equal(t, []topology.Claim{
		{Name: "one-port", Keys: map[string]any{"of": "server:12000", "says": map[string]any{"en": "a", "ko": "c"}, "list": []any{"c"}, "expect": "refuted"}},
		{Name: "last", Keys: map[string]any{"of": "c"}},
		{Name: "new", Keys: map[string]any{"of": "d"}},
	}, lab.Claims)
	assert.Equal(t, []topology.Step{
		{Number: 1, Action: topology.Start, On: []string{"server"}},
		{Number: 2, Action: topology.Snapshot, Name: "one"},
		{Number: 3, Action: topology.Stop, On: []string{"server"}},
	}, lab.Steps)
	server, _ := lab.Host("server")
	assert.Equal(t, []string{"other"}, server.Program)
	assert.Equal(t, topology.ReadyAfter, server.Ready.When)
	assert.Equal(t, []string{"c", "d"}, server.Programs[0].Args)
	_, there := lab.Host("second")
	assert.True(t, there)

	replaced, err := compose.Parse("folder", overridden(base, strings.Replace(control, "  steps:\n    - stop: server", "  steps: !override\n    - start: second\n    - snapshot: two", 1)+"    command: [echo]\n"), nil)
	require.ErrorContains(t, err, "control.yml")
	assert.Nil(t, replaced)
	replaced, err = compose.Parse("folder", overridden(base, "x-lab: {steps: !override [{start: client1}]}"), nil)
	require.NoError(t, err)
	assert.Equal(t, topology.Step{Number: 1, Action: topology.Start, On: []string{"client1"}}, replaced.Steps[0])
	assert.Equal(t, topology.Settled, replaced.Steps[1].Name)
}

// Problems are where they are written, in whichever file that is.
func TestOverrideProblems(t *testing.T) {
	base := edited(t, small(t), steps("start: server", "snapshot: one"))
	for _, test := range []struct {
		name, base, control string
		want                []string
	}{
		{"a step", base, "x-lab:\n  steps:\n    - snapshot: two\n    - snapshot: one\n", []string{"control.yml:4:17: x-lab.steps[3].snapshot: a snapshot is called one already; claims could not tell them apart"}},
		{"both", edited(t, base, edit{"start: server", "start: serve"}), "x-lab: {limit: soon}", []string{
			`lab.yml:10:14: x-lab.steps[0].start: no host is called "serve"; did you mean server?`,
			"control.yml:1:16: x-lab.limit: it must be a duration such as 30s or 2m, and at least 1s",
		}},
		{"a service's key", base, "services:\n  server:\n    ports: [80]\n", []string{"control.yml:3:5: services.server.ports: a lab's host has no way out of the lab; remove it"}},
		{"a service's value", base, "services:\n  server:\n    working_dir: tmp\n", []string{`control.yml:3:18: services.server.working_dir: "tmp" must begin with a /`}},
		{"what the lab has", edited(t, base, add("working_dir: tmp")), "services: {server: {hostname: a}}", []string{`lab.yml:21:18: services.server.working_dir: "tmp" must begin with a /`}},
		{"syntax", base, "x-lab: {", []string{"control.yml:1: there is no value here; give one, or close what was opened before"}},
		{"a variable", base, "x-lab: {name: $A}", []string{"control.yml:1:15: x-lab.name: the variable A is not set; set it, or give a default: ${A:-…}"}},
		{"no value", base, "x-lab:\n  claims:\n    one-port:\n", []string{"control.yml:3:5: x-lab.claims.one-port: it has no value; give it one, and put text with commas or colons in quotes"}},
		{"Compose's schema", base, "services: {server: {command: 5}}", []string{"control.yml:1:30: services.server.command: must be a null"}},
		{"another kind of value", base, "x-lab: {clients: client1}", []string{"control.yml:1:18: x-lab.clients: it is another kind of value than in the file before, a list for text or the like; write the same kind"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := compose.Parse("folder", overridden(test.base, test.control), nil)
			require.Error(t, err)
			assert.Equal(t, test.want, strings.Split(err.Error(), "\n"))
		})
	}
}

func TestLoadKeepsTheTextOfOverrides(t *testing.T) {
	folder := t.TempDir()
	base := write(t, folder, "compose.yml", small(t))
	control := write(t, folder, "control.yaml", "x-lab: {name: control}\n")
	lab, source, err := compose.Load(folder, []string{control}, nil)
	require.NoError(t, err)
	assert.Equal(t, "control", lab.Name)
	assert.Equal(t, small(t)+"\n---\n# "+control+"\nx-lab: {name: control}\n", string(source))
	_, source, err = compose.Load(base, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, small(t), string(source))
	_, _, err = compose.Load(base, []string{"nowhere"}, nil)
	assert.EqualError(t, err, `read lab: "nowhere": no such file or directory`)
}
