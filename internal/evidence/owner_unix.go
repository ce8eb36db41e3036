//go:build unix

package evidence

import (
	"os"
	"syscall"
)

// GiveTo gives a file to the owner of the folder dir, where this process is
// root and the folder is not. A container's root would otherwise leave files
// that the user who started it cannot delete.
func GiveTo(dir string, file *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 && owner.Gid == 0 {
		return nil
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}
