package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// fileNames are what a lab's file may be called, the first there is counts.
var fileNames = []string{"docker-compose.yml", "compose.yml", "compose.yaml"}

// Load reads a lab from the disk. The path is a Compose file's or that of the
// folder it is in; environ has NAME=value entries, as os.Environ returns them.
// As with Compose, a file .env in the same folder adds variables that environ
// lacks. Errors are Parse's, or say which file could not be read.
func Load(path string, environ []string) (*Lab, error) {
	file, err := findFile(path)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read lab: %w", err)
	}
	environment, err := readEnvironment(filepath.Join(filepath.Dir(file), ".env"), environ)
	if err != nil {
		return nil, err
	}
	whole, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("find lab: %w", err)
	}
	return parse(file, folderOf(whole), data, environment)
}

func findFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("find lab: %w", err)
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, name := range fileNames {
		file := filepath.Join(path, name)
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("find lab: the folder %s has none of %s", path, strings.Join(fileNames, ", "))
}

func readEnvironment(file string, environ []string) (map[string]string, error) {
	environment := make(map[string]string)
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			environment[name] = value
		}
	}
	text, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return environment, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read lab's environment: %w", err)
	}
	defer text.Close()
	more, err := dotenv.ParseWithLookup(text, func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	})
	if err != nil {
		return nil, fmt.Errorf("read lab's environment: %s: %w", file, err)
	}
	for name, value := range more {
		if _, ok := environment[name]; !ok {
			environment[name] = value
		}
	}
	return environment, nil
}
