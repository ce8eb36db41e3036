package netns

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// dropPrivileges makes the calling thread an ordinary user without any
// capability, for good: it can have none and get none.
func dropPrivileges(user int) error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return os.NewSyscallError("clear ambient capabilities", err)
	}
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // the kernel has no more
		}
		if err != nil {
			return os.NewSyscallError("empty the bounding set", err)
		}
	}
	if user >= 0 {
		if err := unix.Setgroups(nil); err != nil {
			return os.NewSyscallError("setgroups", err)
		}
		if err := unix.Setresgid(user, user, user); err != nil {
			return os.NewSyscallError("setresgid", err)
		}
		if err := unix.Setresuid(user, user, user); err != nil {
			return os.NewSyscallError("setresuid", err)
		}
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		return os.NewSyscallError("drop capabilities", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("forbid new privileges", err)
	}
	return nil
}
