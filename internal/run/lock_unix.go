//go:build unix

package run

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// hold takes the lock of a file for as long as the file is open.
func hold(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// held tells whether some process holds the file's lock (flock(2)).
func held(file *os.File) (bool, error) {
	switch err := unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB); {
	case err == nil:
		return false, unix.Flock(int(file.Fd()), unix.LOCK_UN)
	case errors.Is(err, unix.EWOULDBLOCK):
		return true, nil
	default:
		return false, err
	}
}
