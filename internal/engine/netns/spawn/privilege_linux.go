package spawn

import (
	"os"
	"syscall"
	"unsafe"
)

// Constants of prctl(2) and capabilities(7) that package syscall does not have.
const (
	prSetNoNewPrivs    = 38
	prCapbsetDrop      = 24
	prCapAmbient       = 47
	prCapAmbientClear  = 4
	capabilityVersion3 = 0x20080522
)

// drop makes the calling thread an ordinary user without any capability, for
// good: it can have none and get none. It works on the thread alone, which is
// enough, for execute keeps no other.
func drop(user int) error {
	if err := prctl(prCapAmbient, prCapAmbientClear); err != nil {
		return os.NewSyscallError("clear ambient capabilities", err)
	}
	for capability := uintptr(0); ; capability++ {
		err := prctl(prCapbsetDrop, capability)
		if err == syscall.EINVAL {
			break // the kernel has no more
		}
		if err != nil {
			return os.NewSyscallError("empty the bounding set", err)
		}
	}
	if user >= 0 {
		if err := setUser(uintptr(user)); err != nil {
			return err
		}
	}
	head := struct{ version, pid uint32 }{capabilityVersion3, 0}
	var none [2]struct{ effective, permitted, inheritable uint32 }
	_, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET,
		uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&none)), 0)
	if errno != 0 {
		return os.NewSyscallError("drop capabilities", errno)
	}
	if err := prctl(prSetNoNewPrivs, 1); err != nil {
		return os.NewSyscallError("forbid new privileges", err)
	}
	return nil
}

// setUser sets all user and group ids and leaves all supplementary groups.
func setUser(id uintptr) error {
	if err := call(syscall.SYS_SETGROUPS, 0, 0, 0); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	if err := call(syscall.SYS_SETRESGID, id, id, id); err != nil {
		return os.NewSyscallError("setresgid", err)
	}
	if err := call(syscall.SYS_SETRESUID, id, id, id); err != nil {
		return os.NewSyscallError("setresuid", err)
	}
	return nil
}

func prctl(option, argument uintptr) error {
	return call(syscall.SYS_PRCTL, option, argument, 0)
}

// call makes a system call on the calling thread only; the functions of
// package syscall would change all threads.
func call(number, a, b, c uintptr) error {
	if _, _, errno := syscall.RawSyscall6(number, a, b, c, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
