package compose_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/fourtuple/fourtuple/internal/compose"
)

func write(t *testing.T, folder, name, text string) string {
	t.Helper()
	file := filepath.Join(folder, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

func TestLoadFindsTheFileOfAFolder(t *testing.T) {
	for _, name := range []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"} {
		folder := t.TempDir()
		file := write(t, folder, name, small(t))
		byFolder, _, err := compose.Load(folder, nil, nil)
		require.NoError(t, err)
		byFile, _, err := compose.Load(file, nil, nil)
		require.NoError(t, err)
		assert.Equal(t, byFile, byFolder)
	}
}

func TestLoadTakesTheFirstOfSeveralFiles(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "docker-compose.yml", edited(t, small(t), edit{"name: small", "name: second"}))
	write(t, folder, "compose.yml", small(t))
	lab, _, err := compose.Load(folder, nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "small", lab.Name)
}

func TestLoadNamesALabAfterItsFolder(t *testing.T) {
	nameless := edited(t, small(t), edit{"  name: small\n", ""})
	for folder, want := range map[string]string{"nat": "nat", "My first lab!": "myfirstlab", "…": "lab", "..a": "a"} {
		lab, _, err := compose.Load(write(t, filepath.Join(t.TempDir(), folder), "compose.yml", nameless), nil, nil)
		require.NoError(t, err)
		assert.Equal(t, want, lab.Name)
	}
}

func TestLoadNamesALabInTheWorkingFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "here")
	write(t, folder, "compose.yml", edited(t, small(t), edit{"  name: small\n", ""}))
	t.Chdir(folder)
	lab, _, err := compose.Load("compose.yml", nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "here", lab.Name)
}

func TestLoadReadsVariables(t *testing.T) {
	text := edited(t, small(t), add("environment: {A: '${A:-default}'}"))
	for _, test := range []struct {
		name, dotenv string
		environ      []string
		want         string
	}{
		{"the file's default", "", nil, "A=default"},
		{".env", "A=dotenv\n", nil, "A=dotenv"},
		{"environment before .env", "A=dotenv\n", []string{"A=environ"}, "A=environ"},
		{".env from environment", "A=${B}!\n", []string{"B=environ"}, "A=environ!"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			write(t, folder, "compose.yml", text)
			if test.dotenv != "" {
				write(t, folder, ".env", test.dotenv)
			}
			lab, _, err := compose.Load(folder, nil, test.environ)
			require.NoError(t, err)
			server, _ := lab.Host("server")
			assert.Equal(t, []string{test.want}, server.Environment)
		})
	}
}

func TestLoadSaysWhatItCannotRead(t *testing.T) {
	folder := t.TempDir()
	_, _, err := compose.Load(filepath.Join(folder, "nowhere"), nil, nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "find lab: ")
	_, _, err = compose.Load("a\x1b[2J\nverdict: holds", nil, nil)
	assert.EqualError(t, err, `find lab: "a\x1b[2J\nverdict: holds": no such file or directory`)

	_, _, err = compose.Load(folder, nil, nil)
	assert.EqualError(t, err, "find lab: the folder \""+folder+"\" has none of compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml")

	file := write(t, folder, "compose.yml", small(t))
	write(t, folder, ".env", "A='b\n")
	_, _, err = compose.Load(file, nil, nil)
	assert.ErrorContains(t, err, "read lab's environment: \""+filepath.Join(folder, ".env")+"\": ")

	require.NoError(t, os.Remove(filepath.Join(folder, ".env")))
	write(t, folder, "compose.yml", edited(t, small(t), add("ports: [80]")))
	_, _, err = compose.Load(file, nil, nil)
	assert.EqualError(t, err, file+":18:5: services.server.ports: a lab's host has no way out of the lab; remove it")
}
