package main

import (
	"fmt"
	"go/ast"
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
	"internal/topology":      {},
	"internal/compose":       {"internal/run", "internal/socket", "internal/topology"},
	"internal/evidence":      {"internal/topology"},
	"internal/table":         {"internal/evidence", "internal/topology"},
	"internal/claim":         {"internal/evidence", "internal/topology", "internal/table"},
	"internal/report":        {"internal/evidence", "internal/topology", "internal/table", "internal/claim"},
	"internal/witness":       {"internal/evidence"},
	"internal/run":           {"internal/evidence", "internal/topology"},
	"internal/agent":         {"internal/evidence", "internal/topology", "internal/run", "internal/witness"},
	"internal/agent/lab":     {"internal/evidence", "internal/witness", "internal/run", "internal/agent", "internal/echo", "internal/socket"},
	"internal/engine/netns":  {"internal/evidence", "internal/topology", "internal/run", "internal/agent"},
	"internal/engine/docker": {"internal/evidence", "internal/topology", "internal/run"},
	"internal/echo":          {"internal/evidence"},
	"internal/socket":        {"internal/evidence", "internal/topology"},
	"server":                 {"internal/echo"},
	"client":                 {"internal/echo"},
	"internal/nettest":       {},
	// What only tests use, the Go API, the command and the bench may import everything.
	"internal/evidence/evidencetest": nil,
	".":                              nil,
	"lab":                            nil,
	"bench":                          nil,
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
		for _, path := range imports(t, file) {
			if other, ours := strings.CutPrefix(path, module); ours {
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
	pure := []string{"internal/topology", "internal/table", "internal/claim", "internal/report"}
	impure := []string{"os", "net", "os/exec", "syscall", "io/fs", "golang.org/x/sys/unix"}
	sources(t, func(pkg, file string) {
		if !slices.Contains(pure, pkg) {
			return
		}
		for _, path := range imports(t, file) {
			assert.NotContains(t, impure, path, "%s imports %s", file, path)
		}
	})
}

// Only the command knows cobra, only the Compose reader compose-go, and a host's
// agent none of what makes the command large.
func TestLargeLibrariesStayWhereTheyBelong(t *testing.T) {
	places := map[string][]string{
		"github.com/spf13/cobra":                {"lab"},
		"github.com/compose-spec/compose-go/v2": {"internal/compose"},
		"github.com/moby/moby":                  {"internal/engine/docker"},
	}
	sources(t, func(pkg, file string) {
		for _, path := range imports(t, file) {
			for library, allowed := range places {
				if strings.HasPrefix(path, library) {
					assert.Contains(t, allowed, pkg, "%s imports %s", file, path)
				}
			}
		}
	})
}

func imports(t *testing.T, file string) (paths []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	require.NoError(t, err)
	for _, spec := range parsed.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	return paths
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
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "Exit" && fmt.Sprint(call.X) == "os" {
				assert.Equal(t, "main", parsed.Name.Name, "%s calls os.Exit", file)
			}
			return true
		})
	})
}
