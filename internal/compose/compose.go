// Package compose reads a lab from a Compose file, and prints one as a Compose
// file. It is the only package that knows either.
//
// compose-go reads the text: variables, merges, short and long forms, the
// schema. On top of it this package is strict. Every key is honoured, or is
// known to concern containers only, or is an error: a lab never quietly is
// another one than its file says. What is read is checked as far as every
// engine relies on it: addresses lie in their subnets, names can name files
// and hosts, an order to start in exists. What the file says under x-lab is the
// experiment.
//
// Everything that is wrong is reported at once, each as a *Problem with file,
// line and key. compose-go keeps no lines, so the text is also read as YAML
// nodes, from which lines come, and on which everything is refused that would
// keep compose-go busy for ever. The time taken is linear in the file's size.
//
// The format is that of https://compose-spec.io; labs are IPv4 only.
package compose

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// An Option changes how a file is read.
type Option func(*report)

// Checked has the reader report what check finds wrong with a lab that could be
// read, with line and column.
func Checked(check func(*topology.Lab) []topology.Fault) Option {
	return func(r *report) { r.check = check }
}

// A File is a Compose file's text.
type File struct {
	// Path is what problems begin with.
	Path string
	Text []byte
}

// Load reads a lab from the disk, and returns its text beside it. The path is a
// Compose file's or that of the folder it is in; overrides are files that are
// put over it in their order, as by Compose's -f. environ has NAME=value
// entries, as os.Environ returns them. As with Compose, a file .env in the
// lab's folder adds variables that environ lacks. Errors are Parse's, or say
// which file could not be read.
//
// The text is the file's, byte for byte; each override follows as a YAML
// document of its own, below a comment that names it.
func Load(path string, overrides, environ []string, options ...Option) (lab *topology.Lab, source []byte, err error) {
	file, err := findFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("find lab: %w", err)
	}
	var files []File
	for _, file := range append([]string{file}, overrides...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("read lab: %w", about(file, err))
		}
		if len(files) > 0 {
			source = fmt.Appendf(source, "\n---\n# %s\n", printable(file))
		}
		source = append(source, text...)
		files = append(files, File{file, text})
	}
	environment, err := readEnvironment(filepath.Join(filepath.Dir(file), ".env"), environ)
	if err != nil {
		return nil, nil, fmt.Errorf("read lab's environment: %w", err)
	}
	whole, err := filepath.Abs(file)
	if err != nil {
		return nil, nil, fmt.Errorf("find lab: %w", err)
	}
	lab, err = Parse(filepath.Base(filepath.Dir(whole)), files, environment, options...)
	return lab, source, err
}

// findFile returns the regular file that path names, in a folder the first that
// there is of those that Compose looks for.
func findFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		for _, name := range cli.DefaultFileNames {
			file := filepath.Join(path, name)
			if info, err = os.Stat(file); err == nil {
				path = file
				break
			}
		}
		if err != nil {
			return "", fmt.Errorf("the folder %q has none of %s", path, strings.Join(cli.DefaultFileNames, ", "))
		}
	}
	switch {
	case err != nil:
		return "", about(path, err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%q is no regular file", path)
	}
	return path, nil
}

// about is an error of the system with the path in quotes: it is a person's, and
// may have anything in it.
func about(path string, err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("%q: %w", path, err)
}

func readEnvironment(file string, environ []string) (map[string]string, error) {
	environment := make(map[string]string)
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			environment[name] = value
		}
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return environment, nil
	}
	more, err := dotenv.GetEnvFromFile(environment, []string{file})
	if err != nil {
		return nil, fmt.Errorf("%q: %q", file, err)
	}
	maps.Copy(more, environment)
	return more, nil
}

// Parse reads a lab from the text of its Compose file and of those that are put
// over it. The name is the lab's where x-lab gives none. Variables like
// ${LAB_PREFIX:-10.12} come from the environment, and from nowhere else;
// nothing is read from the disk.
//
// The error joins one *Problem for each thing that is wrong.
func Parse(name string, files []File, environment map[string]string, options ...Option) (*topology.Lab, error) {
	environment = maps.Clone(environment)
	if environment == nil {
		environment = make(map[string]string)
	}
	environment[consts.ComposeProjectName] = projectName

	r := &report{files: files, environment: environment}
	for _, option := range options {
		option(r)
	}
	tree := readTree(r)
	if !r.empty() {
		return nil, r.err()
	}
	r.tree = tree
	project, err := load(r)
	if err != nil {
		// Compose's schema names one unknown key. Without it, every key is found that a lab cannot have.
		load(r, loader.WithSkipValidation)
		if r.empty() {
			r.addLoader(err)
		}
		return nil, r.err()
	}
	b := &builder{
		report: r, project: project, hosts: make(map[string]bool),
		subnets: make(map[string]topology.Subnet), owners: make(map[netip.Addr]string),
	}
	lab := b.lab(labName(name))
	if r.empty() && r.check != nil {
		for _, fault := range r.check(lab) {
			r.addFault(fault)
		}
	}
	if !r.empty() {
		return nil, r.err()
	}
	return lab, nil
}

// readTree reads all files as YAML, and reports what keeps one from being read
// as it was meant.
func readTree(r *report) (tree *node) {
	for _, f := range r.files {
		root, at, err := readNodes(f.Text)
		if err != nil {
			at.file = f.Path
			r.addAt(at, nil, "%v", err)
			continue
		}
		before := len(r.found)
		checkNodes(root, f.Path, r)
		if len(r.found) == before {
			checkAliases(root, f, r)
		}
		if len(r.found) > before {
			continue
		}
		later := flatten(f.Path, root)
		r.checkLost(later, nil)
		if tree != nil {
			later = tree.overlay(later, nil)
		}
		tree = later
	}
	return tree
}

// labName makes a name for files of a folder's, as Compose names a project.
func labName(folder string) string {
	name := loader.NormalizeProjectName(folder)
	return cmp.Or(name[:min(len(name), maxName)], "lab")
}
