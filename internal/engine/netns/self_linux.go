package netns

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A self is the program that own programs are run by.
type self struct {
	path string
	// copied is a copy of this program in memory, nil if it needs none: where
	// its file is only its owner's to run, other users run the copy.
	copied *os.File
}

// copyDescriptor is the copy's in a new process.
const copyDescriptor = "/proc/self/fd/4"

// newSelf returns the program at that path; empty: this one.
func newSelf(path string) (self, error) {
	if path != "" {
		return self{path: path}, nil
	}
	copied, err := copyUnlessRunnable()
	if err != nil {
		return self{}, fmt.Errorf("copy this program for other users: %w", err)
	}
	if copied != nil {
		return self{copyDescriptor, copied}, nil
	}
	return self{path: ownExecutable}, nil
}

// close frees the copy.
func (s self) close() error {
	if s.copied == nil {
		return nil
	}
	return s.copied.Close()
}

// copyUnlessRunnable copies this program if other users may not run it.
func copyUnlessRunnable() (*os.File, error) {
	original, err := os.Open(ownExecutable)
	if err != nil {
		return nil, err
	}
	defer original.Close()
	info, err := original.Stat()
	if err != nil {
		return nil, err
	}
	if programUser() < 0 || info.Mode().Perm()&0o001 != 0 {
		return nil, nil
	}
	fd, err := unix.MemfdCreate("lab", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "lab")
	_, err = io.Copy(file, original)
	if err = errors.Join(err, file.Chmod(0o755)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	// A file that is open for writing cannot be executed.
	readable, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	return readable, errors.Join(err, file.Close())
}
