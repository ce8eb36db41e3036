package compose

import (
	"maps"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
)

// Parse reads a lab from the text of its Compose file. The name is the file's
// path: errors begin with it, and its folder's name is the lab's where x-lab
// gives none. Variables like ${LAB_PREFIX:-10.12} come from the environment,
// and from nowhere else; nothing is read from the disk.
//
// The error joins one *Problem for each thing that is wrong.
func Parse(name string, data []byte, environment map[string]string) (*Lab, error) {
	return parse(name, folderOf(name), data, environment)
}

func parse(file, folder string, data []byte, environment map[string]string) (*Lab, error) {
	environment = maps.Clone(environment)
	if environment == nil {
		environment = make(map[string]string)
	}
	environment[consts.ComposeProjectName] = projectName

	r := &report{file: file}
	model := read(composeFile{name: file, data: data, environment: environment}, r)
	if model == nil {
		return nil, r.err()
	}
	lab := build(model, labName(folder), environment, r)
	if !r.empty() {
		return nil, r.err()
	}
	return lab, nil
}

// read returns the file's model; nil where the file is not even Compose.
func read(f composeFile, r *report) map[string]any {
	at, line, err := readPositions(f.data)
	if err != nil {
		r.addAt(line, nil, "%v", err)
		return nil
	}
	r.at = at
	checkAliases(at.root, r)
	checkVariables(at.root, nil, f.environment, r)
	if !r.empty() {
		return nil
	}
	model, err := f.model(r)
	if err != nil {
		r.addLoader(err)
		return nil
	}
	return model
}

func folderOf(file string) string { return filepath.Base(filepath.Dir(file)) }

var unsafeRunes = regexp.MustCompile(`[^a-zA-Z0-9_-]+`)

// labName makes a name for files of a folder's, which may have any.
func labName(folder string) string {
	name := strings.Trim(unsafeRunes.ReplaceAllString(folder, "-"), "-_")
	if len(name) > maxName {
		name = strings.TrimRight(name[:maxName], "-_")
	}
	if name == "" {
		return "lab"
	}
	return name
}
