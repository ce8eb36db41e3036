package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/fourtuple/fourtuple/internal/evidence"
)

// List looks at the open files of one process: cwd, rtd, txt, then every
// descriptor in ascending order. The rows carry h's time and host, the witness's
// name and snapshot, the walk's number. The error is ErrGone where the process
// does not run, fs.ErrPermission where it may not be looked at; with an error
// there are no rows.
func List(h evidence.Header, snapshot, pid int) ([]evidence.File, error) {
	return newWalker(h, snapshot).list(pid)
}

// Tree is List for a process and its descendants, by ascending process ID.
// Descendants whose parent ended before them belong to another process, and
// those that end during the walk are passed over. The rows of the other
// processes are given even where some could not be looked at; the error then
// names those.
func Tree(h evidence.Header, snapshot, pid int) ([]evidence.File, error) {
	w := newWalker(h, snapshot)
	if err := running(pid); err != nil {
		return nil, fmt.Errorf("open files of process %d: %w", pid, err)
	}
	var all []evidence.File
	var errs []error
	for _, member := range append(descendants(pid), pid) {
		rows, err := w.list(member)
		if err != nil && (member == pid || !errors.Is(err, ErrGone)) {
			errs = append(errs, err)
		}
		all = append(all, rows...)
	}
	slices.SortStableFunc(all, func(a, b evidence.File) int { return a.PID - b.PID })
	return all, errors.Join(errs...)
}

// A walker looks at one process after the other.
type walker struct {
	header   evidence.Header
	snapshot int
	users    users
	locks    locks
}

func newWalker(h evidence.Header, snapshot int) *walker {
	h.Witness = evidence.Files
	// Without /proc/locks the locks' letters are missing, as in lsof.
	content, _ := os.ReadFile("/proc/locks")
	return &walker{h, snapshot, readUsers("/etc/passwd"), parseLocks(string(content))}
}

// list looks at a process, as its owner if it must.
func (w *walker) list(pid int) ([]evidence.File, error) {
	rows, err := w.look(pid)
	if errors.Is(err, fs.ErrPermission) {
		rows, err = w.lookAsOwner(pid, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open files of process %d: %w", pid, err)
	}
	return rows, nil
}

// lookAsOwner looks at a process with its owner's rights, and where they cannot
// be had gives back why it could not be looked at plainly.
func (w *walker) lookAsOwner(pid int, plain error) (rows []evidence.File, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, goneOr(err)
	}
	o, err := parseOwner(string(status))
	if err != nil {
		return nil, fmt.Errorf("%w; %w", plain, err)
	}
	if borrowed := o.lend(func() { rows, err = w.look(pid) }); borrowed != nil {
		return nil, fmt.Errorf("%w; %w", plain, borrowed)
	}
	return rows, err
}
