package netns

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ends tells whether a signal ends a process that does not handle it
// (signal(7)).
func ends(s unix.Signal) bool {
	switch s {
	case unix.SIGKILL, unix.SIGSTOP, unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU,
		unix.SIGCHLD, unix.SIGURG, unix.SIGWINCH, 0:
		return false
	default:
		return true
	}
}

// defaults tells whether the process neither handles nor ignores the signal.
// A process that cannot be asked is gone, or about to be.
func (p *process) defaults(s unix.Signal) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return false
	}
	return !inMask(string(text), "SigCgt:", s) && !inMask(string(text), "SigIgn:", s)
}

// inMask tells whether a signal is in one of the masks of /proc/PID/status.
func inMask(status, name string, s unix.Signal) bool {
	for line := range strings.Lines(status) {
		digits, ok := strings.CutPrefix(line, name)
		if !ok {
			continue
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(digits), 16, 64)
		return err == nil && mask&(1<<(uint(s)-1)) != 0
	}
	return false
}
