//go:build unix

package evidence

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock takes the folder for this process, until the descriptor is closed or
// the process dies (flock(2)). A file system without locks has none to take.
func lock(directory *os.File) error {
	err := unix.Flock(int(directory.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	return nil
}

// inherit gives a file to the owner of the folder dir, where this process is
// root and the folder's owner is not. A container's root would otherwise leave
// files that the user who started it cannot delete.
func inherit(file *os.File, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	want, err := os.Stat(dir)
	if err != nil {
		return err
	}
	has, err := file.Stat()
	if err != nil {
		return err
	}
	owner, mine := want.Sys().(*syscall.Stat_t), has.Sys().(*syscall.Stat_t)
	if owner.Uid == mine.Uid && owner.Gid == mine.Gid {
		return nil
	}
	if err := file.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("give it to user %d, who owns %s: %w", owner.Uid, dir, err)
	}
	return nil
}
