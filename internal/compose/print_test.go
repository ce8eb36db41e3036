package compose_test

import (
	"context"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/compose"
	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

func printed(t require.TestingT, lab *topology.Lab) string {
	text, err := compose.Print(lab)
	require.NoError(t, err)
	return string(text)
}

func TestPrintReadsBackAsTheSameLab(t *testing.T) {
	for _, text := range labs(t) {
		lab := parse(t, "lab.yml", text)
		checkReadsBack(t, lab)
		if wide, err := topology.ScaleClients(lab, 20); err == nil {
			checkReadsBack(t, wide)
		}
	}
	golden(t, "busy.yml", []byte(printed(t, parse(t, "lab.yml", busy(t)))))
}

func checkReadsBack(t require.TestingT, lab *topology.Lab) {
	again, err := compose.Parse("other", file("lab.yml", []byte(printed(t, lab))), map[string]string{"LAB_PREFIX": "10.99", "A": "b"})
	require.NoError(t, err)
	require.Equal(t, lab, again)
}

// A container of an image that is not ours gets the agent by a volume, and none of
// what the image does by itself.
func TestPrintForeignImage(t *testing.T) {
	lab := parse(t, "lab.yml", small(t))
	client, _ := lab.Host("client1")
	client.Image = "nginx"
	text := printed(t, lab)
	for _, line := range []string{
		`    user: "0"`,
		`    healthcheck: {disable: true}`,
		`    entrypoint: [/.fourtuple/lab, host, client1]`,
		`    volumes: ["control:/control", "agent:/.fourtuple:ro"]`,
		`    volumes: ["control:/control", "./runs:/runs", "./docker-compose.yml:/lab.yml:ro", "agent:/.fourtuple"]`,
		`  agent:`,
	} {
		assert.Equal(t, 1, strings.Count(text, "\n"+line+"\n"), line)
	}
	checkReadsBack(t, lab)
	client.Image = "fourtuple/client:latest"
	assert.NotContains(t, printed(t, lab), run.AgentFolder)
}

func TestPrintRefusesAHostCalledJudge(t *testing.T) {
	lab := parse(t, "lab.yml", small(t))
	lab.Hosts[0].Name = "judge"
	_, err := compose.Print(lab)
	assert.EqualError(t, err, "print small: a host is called judge, as the service is that judges a run; rename it")
}

// The repository's own file is one that Print could have written: the loader
// reads the same services, networks and volumes from both.
func TestFirstLabIsComplete(t *testing.T) {
	text := string(read(t, firstLab))
	project := func(text string) *types.Project {
		p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{
			WorkingDir: "/", Environment: types.Mapping{}, ConfigFiles: []types.ConfigFile{{Filename: "lab.yml", Content: []byte(text)}},
		}, func(o *loader.Options) { o.SetProjectName("lab", true) })
		require.NoError(t, err)
		p.Extensions = nil
		// Print knows the addresses, and the file has a variable for them.
		delete(p.Services["judge"].Environment, "LAB_PREFIX")
		return p
	}
	want, got := project(text), project(printed(t, parse(t, firstLab, text)))
	for name, service := range want.Services {
		// Print has all hosts know each other by name, and the file's programs know addresses.
		printed := got.Services[name]
		printed.ExtraHosts = nil
		assert.Empty(t, cmp.Diff(service, printed, cmp.Transformer("empty", func(m types.MappingWithEquals) map[string]*string {
			if len(m) == 0 {
				return nil
			}
			return m
		})), name)
	}
	assert.Len(t, got.Services, len(want.Services))
	assert.Equal(t, want.Networks, got.Networks)
	assert.Equal(t, want.Volumes, got.Volumes)
}
