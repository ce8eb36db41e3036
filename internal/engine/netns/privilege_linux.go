package netns

import (
	"golang.org/x/sys/unix"
)

// needed are the capabilities that the engine uses itself: to make namespaces
// and what is in them, to watch, and to start, inspect and stop programs that
// have none.
var needed = []uint{
	unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SETUID, unix.CAP_SETGID,
	unix.CAP_SETPCAP, unix.CAP_KILL, unix.CAP_SYS_PTRACE,
}

// Privileged tells whether this process may build networks as it is.
func Privileged() bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return false
	}
	for _, c := range needed {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			return false
		}
	}
	return true
}
