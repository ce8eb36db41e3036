package compose

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/fourtuple/fourtuple/internal/topology"
)

// A Problem is one thing in a Compose file that keeps it from being a lab.
// Parse joins all that it finds, in the order of their lines.
type Problem struct {
	File string
	// Line and Column are where the value is written, or the key where it is what
	// is wrong; what came by an alias or a merge is where the anchor has it. They
	// count from 1, columns in characters; 0 is where none is known.
	Line, Column int
	// Key is the way from the top of the file, "services.client1.ports"; empty
	// for what concerns the file as a whole.
	Key string
	// Reason says why, and what to do about it.
	Reason string
}

// Error is one line: docker-compose.yml:41:5: services.client1.ports: reason.
func (p *Problem) Error() string {
	var text strings.Builder
	text.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&text, ":%d", p.Line)
	}
	if p.Line > 0 && p.Column > 0 {
		fmt.Fprintf(&text, ":%d", p.Column)
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

// A report collects the problems of a lab's files.
type report struct {
	files       []File
	environment map[string]string
	check       func(*topology.Lab) []topology.Fault
	// tree is all files in one; nil until they are read as YAML.
	tree *node
	// steps has, for each step of the lab, its index in the list under x-lab.
	steps []int
	found []*Problem
}

// add reports a problem of what is written at the key, or of its innermost
// parent that is there.
func (r *report) add(k key, format string, args ...any) {
	r.addAt(r.find(k).place(), k, format, args...)
}

// addName reports a problem of the key itself.
func (r *report) addName(k key, format string, args ...any) {
	r.addAt(r.find(k).named, k, format, args...)
}

func (r *report) find(k key) *node {
	if r.tree == nil {
		return &node{Node: &yaml.Node{}, named: r.nowhere()}
	}
	found, _ := r.tree.find(k)
	return found
}

// nowhere is the place of what concerns the lab as a whole.
func (r *report) nowhere() place { return place{file: r.files[0].Path} }

func (r *report) addAt(at place, k key, format string, args ...any) {
	r.found = append(r.found, &Problem{File: at.file, Line: at.line, Column: at.column, Key: k.String(), Reason: fmt.Sprintf(format, args...)})
}

// addFault reports what a check of the lab found.
func (r *report) addFault(f topology.Fault) {
	k := key{labKey}.to(f.Key...)
	if len(k) > len(stepsKey) && slices.Equal(k[:len(stepsKey)], stepsKey) {
		for i, listed := range r.steps {
			if k[len(stepsKey)] == index(i) {
				k[len(stepsKey)] = index(listed)
				break
			}
		}
	}
	n, ok := r.tree.find(k)
	at := n.place()
	if ok {
		at = n.inside(f.Offset, r.linesOf(at.file))
	}
	r.addAt(at, k, "%s", f.Reason)
}

func (r *report) linesOf(file string) []string {
	return strings.Split(string(r.files[r.order(file)].Text), "\n")
}

// order is which of the files it is.
func (r *report) order(file string) int {
	return max(0, slices.IndexFunc(r.files, func(f File) bool { return f.Path == file }))
}

func (r *report) empty() bool { return len(r.found) == 0 }

// maxProblems is how many problems are told of one file.
const maxProblems = 100

// err joins what was found; nil if nothing was.
func (r *report) err() error {
	slices.SortStableFunc(r.found, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(r.order(a.File), r.order(b.File)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.Reason, b.Reason))
	})
	// One anchor may be merged into many services.
	r.found = slices.CompactFunc(r.found, func(a, b *Problem) bool { return *a == *b })
	var all []error
	for i, p := range r.found {
		if i == maxProblems {
			all = append(all, &Problem{File: r.files[0].Path, Reason: fmt.Sprintf("there are %d problems more", len(r.found)-i)})
			break
		}
		all = append(all, p)
	}
	return errors.Join(all...)
}
