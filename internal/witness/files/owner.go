package files

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An owner is the user and the group that a process runs as.
type owner struct{ uid, gid int }

// parseOwner reads the owner from /proc/PID/status. A process whose real,
// effective and saved IDs differ has no single owner.
func parseOwner(status string) (owner, error) {
	uid, err := parseIDs(status, "Uid:")
	if err != nil {
		return owner{}, err
	}
	gid, err := parseIDs(status, "Gid:")
	if err != nil {
		return owner{}, err
	}
	return owner{uid, gid}, nil
}

// parseIDs reads one line of real, effective, saved and file-system ID.
func parseIDs(status, name string) (int, error) {
	for line := range strings.Lines(status) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != name {
			continue
		}
		if len(f) != 5 {
			return 0, fmt.Errorf("line %.40q does not have four IDs", line)
		}
		if len(slices.Compact(f[1:4])) != 1 {
			return 0, fmt.Errorf("process runs as several users: %.40q", line)
		}
		id, err := strconv.ParseUint(f[1], 10, 32)
		return int(id), err
	}
	return 0, fmt.Errorf("process status has no line %s", name)
}
