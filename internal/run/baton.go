package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// A Baton is the conductor's hold of a run folder: what hosts look for before
// they do anything, and where commands to them are written.
type Baton struct {
	dir  string
	file *os.File
}

// Take makes dir an empty run folder of this conductor and writes the lab into
// it. What an earlier run left there is removed: two runs must not mix. The
// folder belongs to the owner of the folder that it is in.
func Take(dir string, lab []byte) (*Baton, error) {
	if err := MakeFolder(dir); err != nil {
		return nil, err
	}
	if err := unused(dir); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(dir, conductFile+".*")
	if err != nil {
		return nil, err
	}
	b := &Baton{dir: dir, file: file}
	if err := b.claim(lab); err != nil {
		return nil, errors.Join(err, b.Drop(), os.Remove(file.Name()))
	}
	return b, nil
}

// unused returns an error if another conductor holds the folder.
func unused(dir string) error {
	file, err := os.Open(filepath.Join(dir, conductFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	living, err := held(file)
	if err == nil && living {
		err = fmt.Errorf("%s is in use by another run: wait for its end, or choose another folder", dir)
	}
	return errors.Join(err, file.Close())
}

// claim puts the locked file in place last: whoever sees it sees an empty
// folder with the lab in it.
func (b *Baton) claim(lab []byte) error {
	if err := hold(b.file); err != nil {
		return fmt.Errorf("lock %s: %w", b.file.Name(), err)
	}
	if err := b.file.Chmod(0o644); err != nil {
		return err
	}
	if err := b.empty(); err != nil {
		return err
	}
	if err := evidence.WriteFile(b.dir, evidence.LabFile, lab); err != nil {
		return err
	}
	return os.Rename(b.file.Name(), filepath.Join(b.dir, conductFile))
}

// empty removes what an earlier run left, and refuses a folder that has
// anything else in it.
func (b *Baton) empty() error {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	own := filepath.Base(b.file.Name())
	for _, e := range entries {
		if e.IsDir() || !evidence.IsRunFile(e.Name()) && !strings.HasPrefix(e.Name(), conductFile) {
			return fmt.Errorf("%s holds %s, which is no part of a run: nothing in it was touched; choose another folder", b.dir, e.Name())
		}
	}
	for _, e := range entries {
		if e.Name() == own {
			continue
		}
		if err := os.Remove(filepath.Join(b.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// say writes a command to one host, in one write.
func (b *Baton) say(host, command string) error {
	_, err := fmt.Fprintf(b.file, "%s %s\n", host, command)
	return err
}

// Drop ends the conductor's hold and removes its file: hosts that are still
// there end.
func (b *Baton) Drop() error {
	err := os.Remove(filepath.Join(b.dir, conductFile))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, b.file.Close())
}

// MakeFolder makes the folder dir, if it is not there, for the owner of the
// folder that it is in.
func MakeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil
		}
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(evidence.GiveTo(filepath.Dir(dir), folder), folder.Close())
}
