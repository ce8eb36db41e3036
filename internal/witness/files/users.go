package files

import (
	"os"
	"strconv"
	"strings"
)

// users are the names of users by their ID.
type users map[uint32]string

// readUsers reads passwd(5). A machine without that file has no names.
func readUsers(path string) users {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return parseUsers(string(content))
}

// parseUsers reads the lines of passwd(5), NAME:PASSWORD:UID:… Where lines share
// an ID the first one counts; a line that is none is passed over, as libc does.
func parseUsers(passwd string) users {
	u := users{}
	for line := range strings.Lines(passwd) {
		f := strings.Split(line, ":")
		if len(f) < 7 || f[0] == "" || strings.HasPrefix(f[0], "#") {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			continue
		}
		if _, known := u[uint32(uid)]; !known {
			u[uint32(uid)] = f[0]
		}
	}
	return u
}

// name is the user's name, or the number of a user without one.
func (u users) name(uid uint32) string {
	if name, ok := u[uid]; ok {
		return name
	}
	return strconv.FormatUint(uint64(uid), 10)
}
