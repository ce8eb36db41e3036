package compose

import (
	"regexp"
	"strings"
)

// maxName is what one label of a host name may have (RFC 1035, section 2.3.4).
const maxName = 63

// safeName matches what can be a host's name, and the beginning of a file's on
// any system: no dot, as files are called HOST.witness.jsonl, and no hyphen in
// front, as names become arguments.
var safeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]*$`)

func checkName(name string, k key, r *report) {
	switch {
	case len(name) > maxName:
		r.add(k, "the name has %d characters; the most a name may have is %d", len(name), maxName)
	case !safeName.MatchString(name):
		r.add(k, "%q cannot name a file and a host; use letters, digits, - and _, and begin with a letter or digit", name)
	}
}

// checkNames wants names that stay apart where upper and lower case are one.
func checkNames(names []string, of func(string) key, r *report) {
	seen := make(map[string]string)
	for _, name := range names {
		checkName(name, of(name), r)
		if other, ok := seen[strings.ToLower(name)]; ok {
			r.add(of(name), "it differs from %s by upper and lower case only, and some file systems do not; rename one", other)
		}
		seen[strings.ToLower(name)] = name
	}
}

// domainName matches host names with dots in them (RFC 1123, section 2.1).
var domainName = regexp.MustCompile(`^[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*$`)

func checkHostname(name string, k key, r *report) {
	if len(name) > maxName || !domainName.MatchString(name) {
		r.add(k, "%q is no host name of at most %d characters", name, maxName)
	}
}
