package compose_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// busy has what the first lab has not.
func busy(t testing.TB) string {
	return edited(t, small(t),
		add("hostname: echo"),
		edit{"    hostname: echo\n", `    hostname: echo
    environment: {PRICE: "$$5", NUMBER: 010, YES: yes, NONE: , EMPTY: ""}
    extra_hosts: ["old:10.12.0.10", "new=10.12.0.10"]
    stop_signal: int
    stop_grace_period: 1m30s
    working_dir: /tmp
    entrypoint: /lab --flag "two words"
    labels: {com.example: "$$"}
    volumes: ["./runs:/runs", "./lab.yml:/lab.yml:ro", {type: tmpfs, target: /tmp}]
    x-lab: {capture-after: 90s}
    x-note: dropped
`},
		edit{"    sysctls:\n", "    depends_on: [judge]\n    volumes: [{type: bind, source: ., target: /runs/more/..}]\n    x-lab: {masquerade: [home]}\n    sysctls:\n"},
		edit{"depends_on: [server]", "depends_on: {server: {condition: service_started, required: false}}"},
		edit{"\nnetworks:\n", `
  judge:
    image: fourtuple/server
    network_mode: none
    depends_on: {client1: {condition: service_completed_successfully}}
    healthcheck: {test: [CMD, "true"]}
    volumes: ["./runs:/anywhere"]

networks:
`})
}

// labs are texts of labs of all kinds.
func labs(t testing.TB) map[string]string {
	return map[string]string{
		"first":    string(read(t, firstLab)),
		"small":    small(t),
		"busy":     busy(t),
		"no name":  edited(t, small(t), edit{"  name: small\n", ""}),
		"no x-lab": edited(t, small(t), edit{small(t)[strings.Index(small(t), "x-lab:"):strings.Index(small(t), "x-host:")], ""}),
	}
}

func TestSourceReadsBackAsTheSameLab(t *testing.T) {
	for name, text := range labs(t) {
		t.Run(name, func(t *testing.T) {
			lab := parse(t, "folder/lab.yml", text)
			again, err := topology.Parse("elsewhere/lab.yml", lab.Source, map[string]string{"LAB_PREFIX": "10.99", "NONE": "some"})
			require.NoError(t, err)
			assert.Equal(t, string(lab.Source), string(again.Source))
			assert.Equal(t, lab, again)
		})
	}
}

func TestSourceKeepsNothingOfThisMachine(t *testing.T) {
	folder, err := os.Getwd()
	require.NoError(t, err)
	for name, text := range labs(t) {
		lab := parse(t, filepath.Join(folder, "lab.yml"), text)
		assert.NotContains(t, string(lab.Source), filepath.Dir(folder), name)
	}
}

// A plain load, with all of the loader's checks, is the control for what this
// package leaves out.
func TestSourceIsComposeForTheLoader(t *testing.T) {
	load := func(text []byte) error {
		_, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
			WorkingDir: t.TempDir(), Environment: types.Mapping{},
			ConfigFiles: []types.ConfigFile{{Filename: "lab.yml", Content: text}},
		}, func(o *loader.Options) { o.SetProjectName("lab", true) })
		return err
	}
	for name, text := range labs(t) {
		require.NoError(t, load(parse(t, "lab.yml", text).Source), name)
	}
	require.Error(t, load([]byte("services: {a: {}}")), "the control")
}

// The command itself: the old one in Python, or the new one.
func TestSourceIsComposeForTheCommand(t *testing.T) {
	command := composeCommand(t)
	config := func(text []byte) error {
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, "docker-compose.yml"), text, 0o644))
		run := exec.Command(command[0], append(command[1:], "config", "-q")...)
		run.Dir = folder
		output, err := run.CombinedOutput()
		t.Logf("%s", output)
		return err
	}
	for name, text := range labs(t) {
		if name == "first" || name == "small" { // the old command takes a second for each
			assert.NoError(t, config(parse(t, "lab.yml", text).Source), name)
		}
	}
	assert.Error(t, config([]byte("services: {a: {banana: 1}}")), "the control")
}

func composeCommand(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("docker-compose"); err == nil {
		return []string{"docker-compose"}
	}
	if exec.Command("docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("there is neither docker-compose nor docker compose here")
	}
	t.Skip("there is neither docker-compose nor docker compose here")
	return nil
}
