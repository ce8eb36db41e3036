package docker

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/run"
	"github.com/fourtuple/fourtuple/internal/topology"
)

// configured is a folder with the docker command's configuration: a current
// context, and contexts as `docker context create` writes them, whose folders
// have the SHA-256 of their names.
func configured(t *testing.T, current string) string {
	t.Helper()
	folder := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	write("config.json", `{"auths":{},"currentContext":"`+current+`"}`)
	write("contexts/meta/"+sha256OfColima+"/meta.json",
		`{"Name":"colima","Metadata":{"Description":"colima"},"Endpoints":{"docker":{"Host":"unix:///Users/me/.colima/default/docker.sock","SkipTLSVerify":false}}}`)
	write("contexts/meta/"+sha256OfEmpty+"/meta.json", `{"Name":"empty","Endpoints":{}}`)
	write("contexts/meta/"+sha256OfBroken+"/meta.json", `{`)
	return folder
}

// By sha256sum.
const (
	sha256OfColima = "f24fd3749c1368328e2b149bec149cb6795619f244c5b584e844961215dadd16"
	sha256OfEmpty  = "2e1cfa82b035c26cbbbdae632cea070514eb8b773f616aaeaf668e2f0be8f10d"
	sha256OfBroken = "f526795c95399cea27c055c842c3d6ab018ed0fa4f66f701c28ab22dec28237b"
)

func TestFindEndpoint(t *testing.T) {
	for _, c := range []struct {
		name, host, context, current, want, err string
	}{
		{name: "by DOCKER_HOST", host: "tcp://10.0.0.1:2375", context: "colima", current: "colima", want: "tcp://10.0.0.1:2375 (DOCKER_HOST)"},
		{name: "by DOCKER_CONTEXT", context: "colima", want: "unix:///Users/me/.colima/default/docker.sock (docker context colima)"},
		{name: "by the current context", current: "colima", want: "unix:///Users/me/.colima/default/docker.sock (docker context colima)"},
		{name: "by the default context", context: "default", current: "colima", want: client.DefaultDockerHost},
		{name: "by default", want: client.DefaultDockerHost},
		{name: "no such context", context: "nowhere", err: "docker context nowhere: "},
		{name: "an empty context", context: "empty", err: "docker context empty: it names no engine"},
		{name: "a broken context", context: "broken", err: "docker context broken: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv(client.EnvOverrideHost, c.host)
			t.Setenv("DOCKER_CONTEXT", c.context)
			t.Setenv("DOCKER_CONFIG", configured(t, c.current))
			e, err := findEndpoint()
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, e.String())
		})
	}
}

func TestLocalEndpoints(t *testing.T) {
	for address, local := range map[string]bool{
		"unix:///var/run/docker.sock":        true,
		"npipe:////./pipe/docker_engine":     true,
		"tcp://127.0.0.1:2375":               true,
		"tcp://[::1]:2375":                   true,
		"tcp://localhost:2375":               true,
		"tcp://10.0.0.1:2376":                false,
		"tcp://docker:2376":                  false,
		"ssh://me@far":                       false,
		"fd://":                              false,
		"tcp://[half":                        false,
		"https://localhost.example.org:2376": false,
	} {
		assert.Equal(t, local, endpoint{address: address}.local(), address)
	}
}

func TestARunNeedsALocalEngine(t *testing.T) {
	for address, want := range map[string]string{
		"tcp://10.0.0.1:2376": "the Docker engine at tcp://10.0.0.1:2376 (DOCKER_HOST) is on another machine, where the evidence would stay",
		"ssh://me@far":        "the Docker engine at ssh://me@far (DOCKER_HOST) is on another machine",
		"unix:///nowhere":     "no Docker engine answers at unix:///nowhere (DOCKER_HOST), start it or name another by DOCKER_HOST: ",
	} {
		t.Setenv(client.EnvOverrideHost, address)
		err := Engine{}.Run(context.Background(), &topology.Lab{}, t.TempDir(), run.Options{})
		require.ErrorContains(t, err, want)
	}
}

func TestImagesCannotBeSentOverSSH(t *testing.T) {
	t.Setenv(client.EnvOverrideHost, "ssh://me@far")
	require.ErrorContains(t, BuildImages(context.Background(), ".", nil), "which fourtuple does not speak")
}

func TestAnEngineForWindowsContainers(t *testing.T) {
	f := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.44")
		w.Header().Set("Ostype", "windows")
	}))
	defer f.Close()
	t.Setenv(client.EnvOverrideHost, "tcp://"+f.Listener.Addr().String())
	_, err := dial(context.Background())
	require.ErrorContains(t, err, "runs windows containers: switch it to Linux containers")
}

func TestALockedDoorIsNoMissingEngine(t *testing.T) {
	e := endpoint{address: "unix:///var/run/docker.sock"}
	locked := e.unreachable(errors.New("permission denied while trying to connect to the docker API at unix:///var/run/docker.sock"))
	assert.True(t, locked.Denied)
	assert.ErrorContains(t, locked, "the Docker engine at unix:///var/run/docker.sock does not let this user in")
	assert.False(t, e.unreachable(errors.New("no such file or directory")).Denied)
}
