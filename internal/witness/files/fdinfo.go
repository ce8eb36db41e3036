package files

import (
	"slices"
	"strconv"
	"strings"
)

// mostTargets is how many descriptors of an epoll instance lsof lists.
const mostTargets = 32

// An fdinfo is what /proc/PID/fdinfo/FD says of a descriptor (proc_pid_fdinfo(5)).
type fdinfo struct {
	// offset is the position in bytes, -1 where there is none.
	offset int64
	// eventfd is the ID of an eventfd, pid the process of a pidfd; -1 for none.
	eventfd, pid int
	// targets are the descriptors that an epoll instance watches.
	targets []int
}

func parseFDInfo(content string) fdinfo {
	i := fdinfo{offset: -1, eventfd: -1, pid: -1}
	for line := range strings.Lines(content) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			continue
		}
		switch f[0] {
		case "pos:":
			i.offset = n
		case "eventfd-id:":
			i.eventfd = int(n)
		case "Pid:":
			i.pid = int(n)
		case "tfd:":
			if len(i.targets) < mostTargets {
				i.targets = append(i.targets, int(n))
			}
		}
	}
	return i
}

// annotate writes what is known of an anonymous inode into its name:
// [eventpoll:3,7], [eventfd:12], [pidfd:4711].
func (i fdinfo) annotate(name string) string {
	switch {
	case name == "[eventfd]" && i.eventfd >= 0:
		return "[eventfd:" + strconv.Itoa(i.eventfd) + "]"
	case name == "[pidfd]" && i.pid >= 0:
		return "[pidfd:" + strconv.Itoa(i.pid) + "]"
	case name == "[eventpoll]" && len(i.targets) > 0:
		return "[eventpoll:" + i.listTargets() + "]"
	}
	return name
}

func (i fdinfo) listTargets() string {
	var texts []string
	for _, target := range slices.Sorted(slices.Values(i.targets)) {
		texts = append(texts, strconv.Itoa(target))
	}
	list := strings.Join(texts, ",")
	if len(i.targets) == mostTargets {
		list += "..."
	}
	return list
}
