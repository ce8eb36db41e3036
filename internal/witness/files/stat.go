package files

import (
	"bytes"
	"fmt"
	"strconv"
)

// A process is what /proc/PID/stat says of one.
type process struct {
	command string
	parent  int
	// state is the letter of proc(5): Z is a process that ended and was not
	// waited for.
	state byte
}

// ended tells whether nothing is left of the process but its exit status.
func (p process) ended() bool { return p.state == 'Z' || p.state == 'X' }

// parseStat reads PID (COMMAND) STATE PPID of /proc/PID/stat. The command may
// hold blanks and parentheses itself; it ends at the line's last one.
func parseStat(line []byte) (process, error) {
	begin, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if begin < 0 || end < begin {
		return process{}, fmt.Errorf("process status %.40q has no command", line)
	}
	rest := bytes.Fields(line[end+1:])
	if len(rest) < 2 || len(rest[0]) != 1 {
		return process{}, fmt.Errorf("process status %.40q is cut short", line)
	}
	parent, err := strconv.Atoi(string(rest[1]))
	if err != nil || parent < 0 {
		return process{}, fmt.Errorf("process status %.40q has no parent", line)
	}
	return process{command: string(line[begin+1 : end]), parent: parent, state: rest[0][0]}, nil
}
