package evidence

import (
	"errors"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// AsRun is what lab.json holds: a lab as it was run, with the run's id.
type AsRun struct {
	Run string `json:"run"`
	topology.Lab
}

// A Folder is a run folder while its run writes it. It may be used by several
// goroutines at once.
type Folder struct {
	// ID is the run's random id; LabHash the SHA-256 of lab.json, in hex.
	ID, LabHash string
}

// Create makes dir an empty run folder and writes lab.json and lab.yml into it.
// A folder that holds an earlier run is emptied; one that holds anything else,
// or is being written by another process, is refused, and nothing in it is
// touched. No link is followed or written through. Files belong to the owner of
// the folder that dir is in, where this process may give them away.
func Create(dir string, lab *topology.Lab, source []byte) (*Folder, error) {
	return nil, errors.ErrUnsupported
}

// Append adds whole records to the file of a host's witness, which it makes
// with the first. It fits run.Recorder.
func (f *Folder) Append(host string, w Witness, records []byte) error { return errors.ErrUnsupported }

// WriteFile writes a whole file of the folder, VerdictFile or ReportFile:
// completely or not at all.
func (f *Folder) WriteFile(name string, data []byte) error { return errors.ErrUnsupported }

// Close ends the writing and releases the folder.
func (f *Folder) Close() error { return errors.ErrUnsupported }

// Discard removes a folder in which nothing was recorded but the lab.
func (f *Folder) Discard() error { return errors.ErrUnsupported }

// WriteFile writes a whole file of a kept run's folder, completely or not at
// all, and never through a link.
func WriteFile(dir, name string, data []byte) error { return errors.ErrUnsupported }
