package evidence

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// AsRun is what lab.json holds: a lab as it was run, with the run's id.
type AsRun struct {
	Run string `json:"run"`
	Versions
	topology.Lab
}

// Versions are of the programs that a run was made by.
type Versions struct {
	// Fourtuple is this program's, as the Go toolchain noted it, Engine the
	// engine's name and version.
	Fourtuple string `json:"fourtuple,omitempty"`
	Engine    string `json:"engine,omitempty"`
}

// A Folder is a run folder while its run writes it. It may be used by several
// goroutines at once.
type Folder struct {
	// ID is the run's random id; LabHash the SHA-256 of lab.json, in hex.
	ID, LabHash string

	root *os.Root
	// directory is the folder itself, for its lock and its owner.
	directory *os.File

	mu sync.Mutex
	// files are those that Append made; the error is why no more can be added.
	files map[string]error
}

// Create makes dir an empty run folder and writes lab.json and lab.yml into it.
// A folder that holds an earlier run is emptied; one that holds anything else,
// or is being written by another process, is refused, and nothing in it is
// touched. No link is followed or written through. Files belong to the owner of
// the folder that dir is in, where this process may give them away.
func Create(dir string, lab *topology.Lab, source []byte, versions Versions) (*Folder, error) {
	f := &Folder{files: make(map[string]error)}
	var id [16]byte
	rand.Read(id[:]) // never fails, says its documentation
	f.ID = hex.EncodeToString(id[:])
	dir = filepath.Clean(dir)
	err := makeDirectory(dir)
	if err == nil {
		err = f.open(dir)
	}
	if err == nil {
		err = f.empty()
	}
	if err == nil {
		err = f.writeLab(lab, source, versions)
	}
	if err != nil {
		return nil, errors.Join(explain(dir, err), f.Close())
	}
	return f, nil
}

// makeDirectory makes dir and the folders that it is in, where they are not
// there, each for the owner of the folder that it is in.
func makeDirectory(dir string) error {
	err := os.Mkdir(dir, 0o755)
	parent := filepath.Dir(dir)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeDirectory(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	made, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(inherit(made, parent), made.Close())
}

// open opens and locks the folder.
func (f *Folder) open(dir string) (err error) {
	if _, err := os.Readlink(dir); err == nil {
		return fmt.Errorf("%s is a link: name the folder that it leads to", dir)
	}
	if f.root, err = os.OpenRoot(dir); err != nil {
		return err
	}
	if f.directory, err = f.root.Open("."); err != nil {
		return err
	}
	if lock(f.directory) != nil {
		return fmt.Errorf("%s is in use by another run: wait for its end, or choose another folder", dir)
	}
	return nil
}

// empty removes an earlier run. It refuses a folder that holds anything else,
// and leaves it as it is.
func (f *Folder) empty() error {
	dir := f.root.Name()
	entries, err := f.directory.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !IsRunFile(e.Name()) {
			return fmt.Errorf("%s holds %q, which is no part of a run: nothing in it was touched, choose another folder", dir, e.Name())
		}
	}
	if err := inherit(f.directory, filepath.Dir(dir)); err != nil {
		return err
	}
	for _, e := range entries {
		if err := f.root.Remove(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (f *Folder) writeLab(lab *topology.Lab, source []byte, versions Versions) error {
	data, err := json.MarshalIndent(AsRun{Run: f.ID, Versions: versions, Lab: *lab}, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", LabFile, err)
	}
	data = append(data, '\n')
	f.LabHash = hash(data)
	return errors.Join(f.WriteFile(LabFile, data), f.WriteFile(SourceFile, source))
}

// hash is the SHA-256 of data, in hex.
func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Append adds whole records to the file of a host's witness, which it makes
// with the first. It fits run.Recorder. After an error the file takes no more:
// one with a hole is no evidence.
//
// The file is opened each time, for 9 µs: a lab of 1,000 hosts has more files
// than a process may have open.
func (f *Folder) Append(host string, w Witness, records []byte) error {
	name := FileName(host, w)
	f.mu.Lock()
	defer f.mu.Unlock()
	failed, exists := f.files[name]
	if failed != nil {
		return failed
	}
	f.files[name] = f.add(name, exists, records)
	return f.files[name]
}

func (f *Folder) add(name string, exists bool, records []byte) error {
	var file *os.File
	var err error
	if exists {
		file, err = openRegular(f.root, name, os.O_WRONLY|os.O_APPEND)
	} else {
		file, err = f.create(name)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(records)
	return errors.Join(err, file.Close())
}

// create makes a new file, for the owner of the folder. With O_EXCL no link is
// followed (open(2)).
func (f *Folder) create(name string) (*os.File, error) {
	file, err := f.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	if err := inherit(file, f.root.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// openRegular opens a regular file of the folder, and nothing else: it neither
// follows a link nor waits for the other end of a FIFO.
func openRegular(root *os.Root, name string, flag int) (*os.File, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", name)
	}
	file, err := root.OpenFile(name, flag|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	after, err := file.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("%s became another file while it was opened", name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// WriteFile writes a whole file of the folder, VerdictFile or ReportFile:
// completely or not at all.
func (f *Folder) WriteFile(name string, data []byte) error {
	temporary := name + temporarySuffix
	if err := f.remove(temporary); err != nil {
		return err
	}
	file, err := f.create(temporary)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err == nil {
		// A rename replaces a link and does not follow it (rename(2)).
		err = f.root.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", filepath.Join(f.root.Name(), name), err), f.remove(temporary))
	}
	return nil
}

// Close ends the writing and releases the folder.
func (f *Folder) Close() (err error) {
	if f.directory != nil {
		err = f.directory.Close()
	}
	if f.root != nil {
		err = errors.Join(err, f.root.Close())
	}
	return err
}

// Discard ends the writing and removes the folder, where a lab could not run.
func (f *Folder) Discard() error {
	err := errors.Join(f.remove(LabFile), f.remove(SourceFile))
	for name := range f.files {
		err = errors.Join(err, f.remove(name))
	}
	return errors.Join(err, f.Close(), os.Remove(f.root.Name()))
}

// remove removes a file that may not be there.
func (f *Folder) remove(name string) error {
	if err := f.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// WriteFile writes a whole file of a kept run's folder, completely or not at
// all, and never through a link.
func WriteFile(dir, name string, data []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	f := &Folder{root: root}
	return errors.Join(explain(dir, f.WriteFile(name, data)), f.Close())
}

// explain says what to do where a folder may not be written.
func explain(dir string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w: make %s yours (sudo chown -R $(id -u) %[2]s), or choose another folder", err, dir)
}
