package witness

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// A status is what /proc/PID/stat (proc_pid_stat(5)) says of a process.
type status struct {
	command string
	parent  int
}

// readStatus returns ErrGone of a process that ended, though nobody may have
// waited for it.
func readStatus(pid int) (status, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return status{}, goneOr(err)
	}
	return parseStatus(content)
}

// parseStatus reads PID (COMMAND) STATE PPID. The command may hold blanks and
// parentheses itself; it ends at the line's last one.
func parseStatus(line []byte) (status, error) {
	begin, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if begin < 0 || end < begin {
		return status{}, fmt.Errorf("process status %.40q has no command", line)
	}
	rest := bytes.Fields(line[end+1:])
	if len(rest) < 2 {
		return status{}, fmt.Errorf("process status %.40q is cut short", line)
	}
	if state := string(rest[0]); state == "Z" || state == "X" {
		return status{}, ErrGone
	}
	parent, err := strconv.Atoi(string(rest[1]))
	if err != nil {
		return status{}, fmt.Errorf("process status %.40q has no parent", line)
	}
	return status{command: string(line[begin+1 : end]), parent: parent}, nil
}

// descendants are the processes that a process started, and those that they
// started, as long as their parents run.
func descendants(pid int) []int {
	children := childrenByThread
	if _, err := os.Stat("/proc/thread-self/children"); err != nil {
		children = childrenByParent // a kernel without CONFIG_PROC_CHILDREN
	}
	all := children(pid)
	for i := 0; i < len(all); i++ {
		for _, child := range children(all[i]) {
			if !slices.Contains(all, child) {
				all = append(all, child)
			}
		}
	}
	return all
}

// childrenByThread reads /proc/PID/task/TID/children, which costs no look at
// other processes. The kernel may skip a child when another one ends at that
// moment: the files are read twice.
func childrenByThread(pid int) (children []int) {
	for range 2 {
		tasks, _ := readNumbers(fmt.Sprintf("/proc/%d/task", pid))
		for _, task := range tasks {
			content, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, task))
			for _, text := range bytes.Fields(content) {
				if child, err := strconv.Atoi(string(text)); err == nil {
					children = append(children, child)
				}
			}
		}
	}
	slices.Sort(children)
	return slices.Compact(children)
}

// childrenByParent asks every process for its parent.
func childrenByParent(pid int) (children []int) {
	all, _ := readNumbers("/proc")
	for _, other := range all {
		if s, err := readStatus(other); err == nil && s.parent == pid {
			children = append(children, other)
		}
	}
	return children
}

// asOwner runs f on a thread that has a user's and a group's rights to files,
// which decide whose descriptors it may see (setfsuid(2)). The thread ends with
// its goroutine and nothing else ever runs on it.
func asOwner(uid, gid int, f func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // the main thread never ends: on another one, while this is locked
			err := asOwner(uid, gid, f)
			runtime.UnlockOSThread()
			done <- err
			return
		}
		err := setFSIDs(uid, gid)
		if err == nil {
			f()
		}
		done <- err
	}()
	return <-done
}

// setFSIDs changes the calling thread's file-system user and group for good.
func setFSIDs(uid, gid int) error {
	// The change makes the whole process undumpable, which hides its own /proc
	// from its user; it is made dumpable again.
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err == nil && dumpable == 1 {
		defer func() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }()
	}
	// The system calls do not tell whether they worked; a change to the
	// impossible ID -1 tells which one is set.
	_, _ = unix.SetfsgidRetGid(gid)
	_, _ = unix.SetfsuidRetUid(uid)
	nowGID, _ := unix.SetfsgidRetGid(-1)
	nowUID, _ := unix.SetfsuidRetUid(-1)
	if nowUID != uid || nowGID != gid {
		return fmt.Errorf("take on user %d and group %d: %w", uid, gid, unix.EPERM)
	}
	return nil
}
