package compose

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing in a Compose file that keeps it from being a lab.
// Parse joins all that it finds, in the order of their lines.
type Problem struct {
	File string
	// Line is where the key is written, which for a key that came by an alias
	// or a merge is where the anchor has it; 0 where no line is known.
	Line int
	// Key is the way from the top of the file, "services.client1.ports"; empty
	// for what concerns the file as a whole.
	Key string
	// Reason says why, and what to do about it.
	Reason string
}

// Error is one line: docker-compose.yml:41: services.client1.ports: reason.
func (p *Problem) Error() string {
	var text strings.Builder
	text.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&text, ":%d", p.Line)
	}
	if p.Key != "" {
		text.WriteString(": " + p.Key)
	}
	text.WriteString(": " + p.Reason)
	return text.String()
}

// A key is the way to a place in the file: the names of mappings' entries and,
// in lists, indexes as "[2]". Names may have dots in them, so it is no string.
type key []string

func (k key) to(names ...string) key {
	return slices.Concat(k, names)
}

func (k key) String() string {
	var text strings.Builder
	for i, name := range k {
		if i > 0 && !strings.HasPrefix(name, "[") {
			text.WriteByte('.')
		}
		text.WriteString(name)
	}
	return text.String()
}

func serviceKey(name string) key { return key{"services", name} }
func networkKey(name string) key { return key{"networks", name} }

// A report collects a file's problems.
type report struct {
	file  string
	at    positions
	found []*Problem
}

func (r *report) add(k key, format string, args ...any) {
	r.addAt(r.at.line(k), k, format, args...)
}

func (r *report) addAt(line int, k key, format string, args ...any) {
	r.found = append(r.found, &Problem{File: r.file, Line: line, Key: k.String(), Reason: fmt.Sprintf(format, args...)})
}

// blames says that the key has a problem already.
func (r *report) blames(k key) bool {
	return slices.ContainsFunc(r.found, func(p *Problem) bool { return p.Key == k.String() })
}

func (r *report) empty() bool { return len(r.found) == 0 }

// err joins what was found; nil if nothing was.
func (r *report) err() error {
	slices.SortStableFunc(r.found, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Reason, b.Reason))
	})
	var all []error
	for i, p := range r.found {
		if i > 0 && *p == *r.found[i-1] {
			continue // one anchor, merged into many services
		}
		all = append(all, p)
	}
	return errors.Join(all...)
}
