package files

import (
	"strconv"
	"strings"
)

// A locked is a file that a process holds a lock on.
type locked struct {
	pid   int
	major uint32
	minor uint32
	inode uint64
}

// locks are the letters that lsof puts behind a descriptor: r and w for locks
// on a part of the file, R and W for locks on all of it.
type locks map[locked]string

// parseLocks reads /proc/locks (proc_locks(5)). Of several locks of a process on
// a file the last one listed counts. Lines of processes that wait for a lock,
// and lines that are no locks on files, are passed over.
func parseLocks(content string) locks {
	l := locks{}
	for line := range strings.Lines(content) {
		f := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" :\t\n", r) })
		if len(f) < 10 || f[1] == "->" {
			continue
		}
		letter, ok := map[byte]string{'R': "r", 'W': "w"}[f[3][0]]
		pid, errPID := strconv.Atoi(f[4])
		major, errMajor := strconv.ParseUint(f[5], 16, 32)
		minor, errMinor := strconv.ParseUint(f[6], 16, 32)
		inode, errInode := strconv.ParseUint(f[7], 10, 64)
		if !ok || errPID != nil || errMajor != nil || errMinor != nil || errInode != nil {
			continue
		}
		if f[8] == "0" && f[9] == "EOF" {
			letter = strings.ToUpper(letter)
		}
		l[locked{pid, uint32(major), uint32(minor), inode}] = letter
	}
	return l
}
