package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fourtuple/fourtuple/internal/engine/netns"
)

// The scripts run the command as a person types it. The test binary is the
// command, also where an engine starts it again.
func TestMain(m *testing.M) {
	if _, ok := programs[filepath.Base(os.Args[0])]; ok || netns.IsHelper() {
		main()
	}
	testscript.Main(m, map[string]func(){"lab": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			labs, err := filepath.Abs(filepath.Join("..", labsFolder))
			if err != nil {
				return err
			}
			e.Setenv("LABS", labs)
			compose, err := os.ReadFile(filepath.Join("..", "docker-compose.yml"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "docker-compose.yml"), compose, 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "lines": lines, "edit": edit,
		},
		Condition: func(condition string) (bool, error) {
			return condition == "netns" && (netns.Supported() == nil || os.Getenv("CI") == "true"), nil
		},
	})
}
