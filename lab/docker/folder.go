package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fourtuple/fourtuple/lab/evidence"
)

// makeFolder makes the run folder if there is none, for the owner of the
// folder that it is in: the engine mounts only what exists. The undo removes
// the folder if it was made here and nothing is in it.
func makeFolder(folder string) (undo func() error, err error) {
	err = os.Mkdir(folder, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("make the run folder: %w", err)
	}
	undo = func() error {
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) > 0 {
			return err
		}
		return os.Remove(folder)
	}
	made, err := os.Open(folder)
	if err != nil {
		return nil, errors.Join(err, undo())
	}
	err = errors.Join(evidence.GiveTo(filepath.Dir(folder), made), made.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("give the run folder to its owner: %w", err), undo())
	}
	return undo, nil
}
