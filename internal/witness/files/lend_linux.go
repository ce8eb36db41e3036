package files

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// lend calls look on a thread that has the owner's file-system user and group,
// which decide whose descriptors a thread may see. The thread never goes back to
// the others: it ends with its goroutine.
func (o owner) lend(look func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- o.wear(look)
	}()
	return <-done
}

// wear changes the calling thread's file-system IDs for good and calls look.
func (o owner) wear(look func()) error {
	// A change of IDs makes the whole process undumpable, that is, hides its
	// own /proc from others of its user. That is none of a witness's business.
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err == nil && dumpable == 1 {
		defer func() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }()
	}
	// The system calls do not tell whether they worked; a change to the
	// impossible ID -1 tells which one is set.
	_, _ = unix.SetfsgidRetGid(o.gid)
	_, _ = unix.SetfsuidRetUid(o.uid)
	gid, _ := unix.SetfsgidRetGid(-1)
	uid, _ := unix.SetfsuidRetUid(-1)
	if uid != o.uid || gid != o.gid {
		return fmt.Errorf("take on user %d and group %d: %w", o.uid, o.gid, unix.EPERM)
	}
	look()
	return nil
}
