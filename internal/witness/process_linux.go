package witness

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// readCommand is a process's command, of /proc/PID/stat (proc_pid_stat(5)). It
// returns ErrGone of a process that ended, though nobody may have waited for it.
func readCommand(pid int) (string, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return "", goneOr(err)
	}
	stat, err := proc.Stat()
	if err != nil {
		return "", goneOr(err)
	}
	if stat.State == "Z" || stat.State == "X" {
		return "", ErrGone
	}
	return stat.Comm, nil
}

// ends tells whether a process has ended, or is ending: threads of it may then
// still have files open.
func ends(pid int) (gone, ending bool) {
	const exiting = 0x4 // PF_EXITING, of linux/sched.h
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return true, false
	}
	stat, err := proc.Stat()
	switch {
	case err != nil:
		return true, false
	case stat.State == "Z" || stat.State == "X":
		return stat.NumThreads <= 1, stat.NumThreads > 1
	}
	return false, stat.Flags&exiting != 0
}

// ProcessOf is that process, of one and its descendants, which has this number in
// its own PID namespace (pid_namespaces(7)); false if none has.
func ProcessOf(pid, number int) (int, bool) {
	all, _ := descendants(pid) // without those, pid alone
	for _, p := range append([]int{pid}, all...) {
		proc, err := procfs.NewProc(p)
		if err != nil {
			continue
		}
		status, err := proc.NewStatus()
		if n := len(status.NSpids); err == nil && n > 0 && status.NSpids[n-1] == uint64(number) {
			return p, true
		}
	}
	return 0, false
}

// descendants are the processes that a process started, and theirs.
func descendants(pid int) ([]int, error) {
	if _, err := os.Stat("/proc/thread-self/children"); err != nil {
		return nil, fmt.Errorf("the kernel does not tell a process's children (CONFIG_PROC_CHILDREN): %w", err)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		for _, child := range children(all[i]) {
			if !slices.Contains(all, child) {
				all = append(all, child)
			}
		}
	}
	return all[1:], nil
}

// children reads /proc/PID/task/TID/children twice: the kernel may skip a child
// when another one ends at that moment.
func children(pid int) (found []int) {
	for range 2 {
		threads, _ := procfs.AllThreads(pid)
		for _, thread := range threads {
			content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, thread.PID))
			for _, text := range strings.Fields(string(content)) {
				child, _ := strconv.Atoi(text)
				found = append(found, child)
			}
		}
	}
	return found
}

// asOwner runs f on a thread that has a user's and a group's rights to files
// (setfsuid(2)). Nothing else ever runs on the thread: it ends with its
// goroutine, or stays unused if it is the main one.
func asOwner(uid, gid int, f func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		// The system calls do not tell whether they worked; a change to the
		// impossible ID -1 tells which one is set.
		_, _ = unix.SetfsgidRetGid(gid)
		_, _ = unix.SetfsuidRetUid(uid)
		nowGID, _ := unix.SetfsgidRetGid(-1)
		nowUID, _ := unix.SetfsuidRetUid(-1)
		if nowUID != uid || nowGID != gid {
			done <- fmt.Errorf("take on user %d and group %d: %w", uid, gid, unix.EPERM)
			return
		}
		f()
		done <- nil
	}()
	return <-done
}
