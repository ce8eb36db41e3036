package files

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// descendants are the processes that a process started, and those that they
// started, as long as their parents run.
func descendants(pid int) []int {
	children := childrenByParent
	if _, err := os.Stat("/proc/thread-self/children"); err == nil {
		children = childrenByThread
	}
	var all []int
	for next := children(pid); len(next) > 0; {
		all = append(all, next[0])
		next = append(next[1:], children(next[0])...)
	}
	return all
}

// childrenByThread reads /proc/PID/task/*/children, which costs no look at other
// processes. The kernel may skip one if another ends at that moment: it is read
// until it says the same twice.
func childrenByThread(pid int) []int {
	const most = 8
	last := readChildren(pid)
	for range most {
		again := readChildren(pid)
		if slices.Equal(last, again) {
			break
		}
		last = again
	}
	return last
}

func readChildren(pid int) (children []int) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	for _, task := range numbers(tasks) {
		content, err := os.ReadFile(fmt.Sprintf("%s/%d/children", tasks, task))
		if err != nil {
			continue
		}
		for _, text := range strings.Fields(string(content)) {
			if child, err := strconv.Atoi(text); err == nil {
				children = append(children, child)
			}
		}
	}
	slices.Sort(children)
	return children
}

// childrenByParent asks every process for its parent, for kernels that do not
// list children (CONFIG_PROC_CHILDREN).
func childrenByParent(pid int) (children []int) {
	for _, other := range numbers("/proc") {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", other))
		if err != nil {
			continue
		}
		if p, err := parseStat(content); err == nil && p.parent == pid {
			children = append(children, other)
		}
	}
	slices.Sort(children)
	return children
}

// numbers are the entries of a directory that are numbers, none of a directory
// that is not there.
func numbers(directory string) (found []int) {
	d, err := os.Open(directory)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil {
			found = append(found, n)
		}
	}
	return found
}
