package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/fourtuple/fourtuple/"

// mayImport says for each package which others of this module it may import.
// The arrows point one way: from what makes evidence to evidence, and from what
// judges and shows to evidence.
var mayImport = map[string][]string{
	"echo":            {},
	"server":          {"echo"},
	"client":          {"echo"},
	"lab/early":       {"echo"},
	"lab/topology":    {},
	"lab/evidence":    {},
	"lab/capture":     {"lab/evidence"},
	"lab/sockets":     {"lab/evidence"},
	"lab/files":       {"lab/evidence"},
	"lab/conntrack":   {"lab/evidence"},
	"lab/nat":         {},
	"lab/verdict":     {"lab/evidence", "lab/topology"},
	"lab/report":      {"lab/evidence", "lab/topology", "lab/verdict"},
	"lab/conduct":     {"lab/evidence", "lab/topology"},
	"lab/host":        {"lab/evidence", "lab/topology", "lab/capture", "lab/sockets", "lab/files", "lab/conntrack", "lab/nat"},
	"lab/netns/spawn": {},
	"lab/netns":       {"lab/topology", "lab/conduct", "lab/host", "lab/nat", "lab/netns/spawn"},
	"lab/docker":      {"lab/topology", "lab/conduct", "lab/evidence"},
	"lab":             nil, // the command may import everything
	"bench":           nil,
}

// sources calls visit with the files of each package that are no tests.
func sources(t *testing.T, visit func(pkg, file string)) {
	t.Helper()
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go"):
			visit(path.Dir(file), filepath.Join("..", file))
		}
		return nil
	})
	require.NoError(t, err)
}

func TestImportArrowsPointOneWay(t *testing.T) {
	seen := make(map[string]bool)
	sources(t, func(pkg, file string) {
		seen[pkg] = true
		allowed, known := mayImport[pkg]
		if !assert.True(t, known, "%s: say in mayImport what it may import", pkg) || allowed == nil {
			return
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			if other, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); ours {
				assert.Contains(t, allowed, other, "%s must not import %s", file, other)
			}
		}
	})
	for pkg := range mayImport {
		assert.True(t, seen[pkg], "there is no package %s any more", pkg)
	}
}

// Pure packages touch neither disk nor network nor processes.
func TestPurePackagesDoNoIO(t *testing.T) {
	pure := map[string][]string{
		"lab/verdict": {"os", "net", "os/exec", "syscall", "io/fs", "golang.org/x/sys/unix"},
		"lab/report":  {"os", "net", "os/exec", "syscall", "io/fs", "golang.org/x/sys/unix"},
	}
	sources(t, func(pkg, file string) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			assert.False(t, slices.Contains(pure[pkg], strings.Trim(spec.Path.Value, `"`)), "%s imports %s", file, spec.Path.Value)
		}
	})
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := make(map[string]bool)
	sources(t, func(pkg, file string) {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		documented[pkg] = documented[pkg] || parsed.Doc != nil && !strings.HasPrefix(parsed.Doc.Text(), "//")
	})
	require.NotEmpty(t, documented)
	for pkg, ok := range documented {
		assert.True(t, ok, "%s has no package comment", pkg)
	}
}

func TestNoOneExitsButMain(t *testing.T) {
	sources(t, func(pkg, file string) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(text), "os.Exit(") {
			assert.Contains(t, []string{"main.go", "init_linux.go", "early.go"}, filepath.Base(file), "%s calls os.Exit", file)
		}
	})
}
