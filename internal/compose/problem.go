package compose

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fourtuple/fourtuple/internal/topology"
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
	return printable(text.String())
}

// printable writes what a terminal could take for a command, or for a line of
// its own, as Go does in a quoted string.
func printable(text string) string {
	var safe strings.Builder
	for _, r := range text {
		if strconv.IsPrint(r) {
			safe.WriteRune(r)
		} else {
			safe.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return safe.String()
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
	check func(*topology.Lab) []topology.Fault
	lines lines
	found []*Problem
}

func (r *report) add(k key, format string, args ...any) {
	r.addAt(r.lines.of(k), k, format, args...)
}

func (r *report) addAt(line int, k key, format string, args ...any) {
	r.found = append(r.found, &Problem{File: r.file, Line: line, Key: k.String(), Reason: fmt.Sprintf(format, args...)})
}

func (r *report) empty() bool { return len(r.found) == 0 }

// maxProblems is how many problems are told of one file.
const maxProblems = 100

// err joins what was found; nil if nothing was.
func (r *report) err() error {
	slices.SortStableFunc(r.found, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Reason, b.Reason))
	})
	// One anchor may be merged into many services.
	r.found = slices.CompactFunc(r.found, func(a, b *Problem) bool { return *a == *b })
	var all []error
	for i, p := range r.found {
		if i == maxProblems {
			all = append(all, &Problem{File: r.file, Reason: fmt.Sprintf("there are %d problems more", len(r.found)-i)})
			break
		}
		all = append(all, p)
	}
	return errors.Join(all...)
}
